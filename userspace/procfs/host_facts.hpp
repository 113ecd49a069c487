// Facts about the host, as text for people.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace hb {

// "net.unix.max_dgram_qlen": what `sysctl -n` prints, at most 4 KiB of it.
[[nodiscard]] Result<std::string> read_sysctl(const std::string& name);

// Where this process has cgroup hierarchies mounted: "cgroup2 /sys/fs/cgroup rw,nsdelegate". At
// most 64 mounts.
[[nodiscard]] Result<std::vector<std::string>> cgroup_mounts();

}  // namespace hb
