// Part of the measurement "overload": floods of every kind.
#pragma once

#include "base/result.hpp"
#include "lab/bench/findings.hpp"
#include "lab/bench/lab.hpp"

namespace hb::bench {

Result<> measure_floods(const Lab& lab, Findings& findings);

}  // namespace hb::bench
