// Every metric of `hb-ebpf run`, for documents, exporters and tests.
#pragma once

#include <span>

#include "base/metric.hpp"

namespace hb::daemon {

// In the order of the last line of the event stream; those that only a flag brings are here too.
[[nodiscard]] std::span<const Metric* const> all_metrics();

}  // namespace hb::daemon
