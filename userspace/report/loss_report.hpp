// LossReport: makes loss notices from counters that grow.
//
// For each reason, one notice when the first loss is seen, then at most one a minute with all that
// was lost since the last one. finish() reports the rest. Several counters may have the same
// reason.
//
// Pure; one thread. Allocates when it sees a counter for the first time, and for notices.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "report/loss.hpp"
#include "report/totals.hpp"

namespace hb {

class LossReport {
 public:
  static constexpr std::uint64_t kPause_ns = 60 * kNsPerSecond;

  // What has been told, for a successor.
  struct Told {
    std::uint64_t reason;  // a hash of its name; 0: free
    std::uint64_t count;
  };
  static constexpr std::size_t kMostKept = 256;  // reasons; of more, a successor tells once more
  using Kept = std::array<Told, kMostKept>;

  // All counters are 0 at that time. `kept`: borrowed; all zero, or a predecessor's.
  explicit LossReport(std::uint64_t start_ns, Kept* kept = nullptr)
      : start_ns_(start_ns), kept_(kept), looked_ns_(start_ns) {}

  // The notices to write now. `now_ns` does not decrease.
  std::vector<Loss> look(const Totals& totals, std::uint64_t now_ns);
  // The same, however recently the last notice was.
  std::vector<Loss> finish(const Totals& totals, std::uint64_t now_ns);

 private:
  struct Reason {
    std::string_view name;
    std::string_view what;
    std::uint64_t count = 0;                    // at the last look
    std::uint64_t told = 0;                     // of these
    Told* kept = nullptr;                       // the same, for a successor
    bool is_known = false;                      // what a predecessor has told of it
    std::uint64_t since_ns = 0;                 // the look before the first untold loss
    std::optional<std::uint64_t> told_ns = {};  // when the last notice was
  };

  void count(const Totals& totals);
  void add(std::string_view name, std::string_view what, std::uint64_t value);
  Loss tell(Reason& reason, std::uint64_t now_ns);

  [[nodiscard]] Told* kept_of(std::string_view reason) const;
  static void take_back(Reason& reason);

  const std::uint64_t start_ns_;
  Kept* const kept_;
  std::uint64_t looked_ns_;
  std::vector<Reason> reasons_;
};

}  // namespace hb
