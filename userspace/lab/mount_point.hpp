// Where procfs is mounted.
#pragma once

namespace hb {

inline constexpr const char* kProcfsMountPoint = "/proc";

}  // namespace hb
