// What this kernel and these privileges allow, check by check, each with its remedy. `hb-ebpf
// doctor` prints all of it; `hb-ebpf run` prints what failed when it cannot start.
//
// Checks try things instead of comparing version numbers where they can: the last ones load the
// program and run the self-test.
#pragma once

#include <string>
#include <vector>

#include "kernel/stamp_program.hpp"

namespace hb::kernel {

// The oldest kernel that this is tested on.
inline constexpr const char* kOldestKernel = "5.10";

struct Finding {
  enum class State { Ok, Warning, Failed };  // a Warning does not keep `run` from working

  std::string check;  // what was checked: "btf"
  State state;
  std::string detail;  // what was found
  std::string remedy;  // what to do about it; empty when Ok
};

[[nodiscard]] std::vector<Finding> diagnose(const Config& config);

// "1.1": of the library that loads the program.
[[nodiscard]] std::string libbpf_version();

[[nodiscard]] bool any_failed(const std::vector<Finding>& findings);

}  // namespace hb::kernel
