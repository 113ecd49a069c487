// Where procfs is mounted, for whoever mounts or hides it.
#pragma once

namespace hb {

inline constexpr const char* kProcfsMountPoint = "/proc";

}  // namespace hb
