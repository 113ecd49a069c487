// Conclusion: what one way of attesting made of one frame, in the words of the contract.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "observer/event.hpp"

namespace hb::compare {

enum class Conclusion : std::uint8_t {
  Beat,
  AuthFailure,
  NamespaceConflict,
  Unknown,      // the sender's identity could not be read
  Unavailable,  // this kernel lacks the mechanism
};

// The columns of the comparison.
enum class Way : std::uint8_t {
  Kernel,  // the product: stamps
  Procfs,  // SCM_CREDENTIALS and /proc
  Pidfd,   // SCM_CREDENTIALS, and SCM_PIDFD for the namespace
};
inline constexpr std::array kWays = {Way::Kernel, Way::Procfs, Way::Pidfd};

// One T for each way.
template <typename T>
class ByWay {
 public:
  T& operator[](Way way) { return values_[static_cast<std::size_t>(way)]; }
  const T& operator[](Way way) const { return values_[static_cast<std::size_t>(way)]; }

 private:
  std::array<T, kWays.size()> values_{};
};

using Conclusions = ByWay<Conclusion>;

// Unknown is wrong too; a mechanism that is not there is neither right nor wrong.
[[nodiscard]] bool is_wrong(Conclusion conclusion, Conclusion truth);

// Of two halves of one scenario: right only if both are.
[[nodiscard]] Conclusions both(const Conclusions& first, const Conclusions& second,
                               Conclusion truth);

// Empty for an event that is no verdict on a frame.
[[nodiscard]] std::optional<Conclusion> conclusion_of(const Event& event);

// "beat", "auth_failure", ...; "kernel", "procfs", "pidfd".
[[nodiscard]] const char* name(Conclusion conclusion);
[[nodiscard]] const char* name(Way way);
[[nodiscard]] std::optional<Conclusion> conclusion_named(std::string_view word);

}  // namespace hb::compare
