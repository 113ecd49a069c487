// What `hb-ebpf status` prints: all of a document that a person asks for, without cutting anything.
#pragma once

#include <string>

#include "status/document.hpp"

namespace hb::status {

[[nodiscard]] std::string status_text(const StatusDocument& document);

}  // namespace hb::status
