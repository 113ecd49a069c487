// Totals of the kernel program and of the pairing.
#pragma once

#include "kernel/stamp_counters.hpp"
#include "report/totals.hpp"

namespace hb::intake {

// stamp_attempts_total = stamps_total + stamps_dropped_total; and, when the ring has been read to
// its end, stamps_total = matched + orphaned + waiting + malformed.
void append_totals(Totals& totals, const kernel::StampCounters& counters);

}  // namespace hb::intake
