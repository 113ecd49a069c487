// LossReport: makes notices out of counters that grow.
//
// For each reason one at the look that first sees a loss, then at most one a minute, with all that
// was lost since the last one. What is not told by then finish() tells. Several counters may have
// one reason.
//
// Pure; one thread. Allocates when it sees a counter for the first time, and for notices.
#pragma once

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

  // Every counter stands at 0.
  explicit LossReport(std::uint64_t start_ns) : start_ns_(start_ns), looked_ns_(start_ns) {}

  // What is to be said now. `now_ns` never goes back.
  std::vector<Loss> look(const Totals& totals, std::uint64_t now_ns);
  // The same, however recently the last notice was.
  std::vector<Loss> finish(const Totals& totals, std::uint64_t now_ns);

 private:
  struct Reason {
    std::string_view name;
    std::string_view what;
    std::uint64_t count = 0;                    // as the last look saw it
    std::uint64_t told = 0;                     // of these
    std::uint64_t since_ns = 0;                 // of the look before the first that is not told
    std::optional<std::uint64_t> told_ns = {};  // when the last notice was
  };

  void count(const Totals& totals);
  void add(std::string_view name, std::string_view what, std::uint64_t value);
  Loss tell(Reason& reason, std::uint64_t now_ns);

  const std::uint64_t start_ns_;
  std::uint64_t looked_ns_;
  std::vector<Reason> reasons_;
};

}  // namespace hb
