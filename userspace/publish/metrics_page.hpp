// The page /metrics.
#pragma once

#include <string>

#include "publish/exposition.hpp"
#include "publish/view.hpp"

namespace hb {

[[nodiscard]] std::string metrics_page(const View& view, Exposition::Format format);

}  // namespace hb
