// What this kernel and these privileges allow, check by check, each with its remedy. `hb-ebpf
// doctor` prints all of it; `hb-ebpf run` prints what failed when it cannot start.
//
// Nothing is concluded from a version number where it can be tried: the last check loads the
// program and lets it stamp this process.
#pragma once

#include <string>
#include <vector>

#include "kernel/stamp_program.hpp"

namespace hb::kernel {

struct Finding {
  enum class State { Ok, Warning, Failed };  // a Warning does not keep `run` from working

  std::string check;  // what was looked at: "btf"
  State state;
  std::string detail;  // what was found
  std::string remedy;  // what to do about it; empty when Ok
};

[[nodiscard]] std::vector<Finding> diagnose(const Config& config);

[[nodiscard]] bool any_failed(const std::vector<Finding>& findings);

}  // namespace hb::kernel
