#include "intake/stamp_totals.hpp"

#include <array>

namespace hb::intake {
namespace {

// In the order of enum hb_drop.
constexpr std::array<std::string_view, HB_DROP_REASONS> kDropReasons = {
    "wrong_length", "ring_full", "unreadable", "rate_limited", "share", "no_slot", "descriptors"};
static_assert(HB_DROP_WRONG_LENGTH == 0 && HB_DROP_RING_FULL == 1 && HB_DROP_UNREADABLE == 2 &&
              HB_DROP_RATE_LIMITED == 3 && HB_DROP_SHARE == 4 && HB_DROP_NO_SLOT == 5 &&
              HB_DROP_DESCRIPTORS == 6 && HB_DROP_REASONS == 7);

}  // namespace

void append_totals(Totals& totals, const kernel::StampCounters& counters) {
  const auto plain = [&](std::string_view metric, std::uint64_t value) {
    totals.push_back({metric, {}, value});
  };
  plain("stamp_attempts_total", counters.kernel.attempts);
  plain("stamps_total", counters.kernel.stamps);
  plain("stamps_matched_total", counters.correlator.matched);
  plain("stamps_orphaned_total", counters.correlator.orphaned);
  plain("stamps_evicted_total", counters.correlator.evicted);
  plain("stamps_waiting", counters.waiting);
  plain("stamps_malformed_total", counters.malformed);
  for (std::size_t reason = 0; reason < kDropReasons.size(); ++reason) {
    totals.push_back({"stamps_dropped_total", kDropReasons[reason], counters.kernel.drops[reason]});
  }
  plain("stamps_kept_unstamped_total", counters.kernel.kept_unstamped);
  plain("receipts_lost_total", counters.kernel.receipts_lost);
  plain("exits_reported_total", counters.kernel.exits);
  plain("exits_lost_total", counters.kernel.exits_lost);
}

}  // namespace hb::intake
