// Conclusion: the verdict of one mechanism on one frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/enum_values.hpp"
#include "observer/event.hpp"

namespace hb::compare {

enum class Conclusion : std::uint8_t {
  Beat,
  AuthFailure,
  NamespaceConflict,
  Unknown,      // the sender's identity could not be read
  Unavailable,  // this kernel lacks the mechanism
};

// The mechanisms that are compared: the columns of the comparison.
enum class Mechanism : std::uint8_t {
  Kernel,  // stamps
  Procfs,  // SCM_CREDENTIALS and /proc
  Pidfd,   // SCM_CREDENTIALS, and SCM_PIDFD for the namespace
};

// The names in reports.
[[nodiscard]] constexpr const char* name(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::Beat: return "beat";
    case Conclusion::AuthFailure: return "auth_failure";
    case Conclusion::NamespaceConflict: return "namespace_conflict";
    case Conclusion::Unknown: return "unknown";
    case Conclusion::Unavailable: return "unavailable";
  }
  return kNoName;
}

[[nodiscard]] constexpr const char* name(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::Kernel: return "kernel";
    case Mechanism::Procfs: return "procfs";
    case Mechanism::Pidfd: return "pidfd";
  }
  return kNoName;
}

inline constexpr auto& kMechanisms = kEnumValues<Mechanism>;

// One T for each mechanism.
template <typename T>
class ByMechanism {
 public:
  T& operator[](Mechanism mechanism) { return values_[static_cast<std::size_t>(mechanism)]; }
  const T& operator[](Mechanism mechanism) const {
    return values_[static_cast<std::size_t>(mechanism)];
  }

 private:
  std::array<T, kMechanisms.size()> values_{};
};

using Conclusions = ByMechanism<Conclusion>;

// Unknown is wrong; Unavailable is neither right nor wrong.
[[nodiscard]] bool is_wrong(Conclusion conclusion, Conclusion truth);

// Combines two parts of a scenario: right only if both are.
[[nodiscard]] Conclusions both(const Conclusions& first, const Conclusions& second,
                               Conclusion truth);

// Empty for an event that is not a verdict on a frame.
[[nodiscard]] std::optional<Conclusion> conclusion_of(const Event& event);

[[nodiscard]] std::optional<Conclusion> conclusion_named(std::string_view word);

}  // namespace hb::compare
