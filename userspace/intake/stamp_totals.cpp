#include "intake/stamp_totals.hpp"

namespace hb::intake {

void append_totals(Totals& totals, const kernel::StampCounters& counters) {
  using kernel::StampCounters;
  append(totals, StampCounters::kAttempts, counters.kernel.attempts);
  append(totals, StampCounters::kStamps, counters.kernel.stamps);
  append(totals, CorrelatorCounters::kMatched, counters.correlator.matched);
  append(totals, CorrelatorCounters::kOrphaned, counters.correlator.orphaned);
  append(totals, CorrelatorCounters::kEvicted, counters.correlator.evicted);
  append(totals, StampCounters::kWaiting, counters.waiting);
  append(totals, StampCounters::kMalformed, counters.malformed);
  for (std::size_t reason = 0; reason < kernel::kDropReasons.size(); ++reason) {
    totals.push_back(
        {&StampCounters::kDropped, &kernel::kDropReasons[reason], counters.kernel.drops[reason]});
  }
  append(totals, StampCounters::kKeptUnstamped, counters.kernel.kept_unstamped);
  append(totals, StampCounters::kReceiptsLost, counters.kernel.receipts_lost);
  append(totals, StampCounters::kExits, counters.kernel.exits);
  append(totals, StampCounters::kExitsLost, counters.kernel.exits_lost);
}

}  // namespace hb::intake
