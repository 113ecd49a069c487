// Where procfs is mounted (proc(5)): for whoever limits access to it. Its files are read in this
// folder alone.
#pragma once

namespace hb {

inline constexpr const char* kProcDirectory = "/proc";

}  // namespace hb
