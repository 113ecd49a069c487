// The functions of all measurements; the table is in measurements.cpp.
#pragma once

#include "base/result.hpp"
#include "lab/bench/findings.hpp"
#include "lab/bench/lab.hpp"

namespace hb::bench {

Result<> measure_observer(const Lab& lab, Findings& findings);
Result<> measure_sender(const Lab& lab, Findings& findings);
Result<> measure_scale(const Lab& lab, Findings& findings);
Result<> measure_idle(const Lab& lab, Findings& findings);
Result<> measure_steady(const Lab& lab, Findings& findings);
Result<> measure_throughput(const Lab& lab, Findings& findings);
Result<> measure_overload(const Lab& lab, Findings& findings);
Result<> measure_latency(const Lab& lab, Findings& findings);
Result<> measure_exit(const Lab& lab, Findings& findings);
Result<> measure_stall(const Lab& lab, Findings& findings);

}  // namespace hb::bench
