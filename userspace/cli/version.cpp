#include "cli/version.hpp"

#include "base/build.hpp"
#include "kernel/diagnosis.hpp"

namespace hb::cli {

std::string version_line() {
  return std::string("hb-ebpf ") + build_version() + ", revision " + revision() + ", libbpf " +
         kernel::libbpf_version() + ", Linux " + kernel::kOldestKernel + " or newer";
}

}  // namespace hb::cli
