// What `hb-ebpf --version` says.
#pragma once

#include <string>

namespace hb::cli {

// "hb-ebpf 0.1.0, revision 1a2b3c4, libbpf 1.1, Linux 5.10 or newer"
[[nodiscard]] std::string version_line();

}  // namespace hb::cli
