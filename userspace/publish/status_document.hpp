// The document of the status socket: everything that `hb-ebpf status` and `top` show, as JSON,
// version 1. Times are nanoseconds of the observer, ages have "_age_ns". What is not known is null.
#pragma once

#include <string>

#include "publish/view.hpp"

namespace hb {

// One line.
[[nodiscard]] std::string status_document(const View& view);

}  // namespace hb
