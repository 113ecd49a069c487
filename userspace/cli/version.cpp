#include "cli/version.hpp"

#include "kernel/diagnosis.hpp"

namespace hb::cli {

std::string version_line() {
  return std::string("hb-ebpf " HB_VERSION ", revision ") + revision() + ", libbpf " +
         kernel::libbpf_version() + ", Linux " + kernel::kOldestKernel + " or newer";
}

}  // namespace hb::cli
