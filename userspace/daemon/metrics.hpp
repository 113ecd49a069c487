// Every metric of `hb-ebpf run`, for documents, exporters and tests.
#pragma once

#include <span>

#include "base/metric.hpp"

namespace hb::daemon {

// In the order of the last line of the event stream, including those that exist only with a flag.
[[nodiscard]] std::span<const Metric* const> all_metrics();

}  // namespace hb::daemon
