// Paths of cgroups by their ids. The id in a stamp is the inode number of the cgroup's directory in
// the v2 hierarchy. Without CAP_DAC_READ_SEARCH (open_by_handle_at(2)) the directories have to be
// walked to find it: about 17 us for each. Blocks for as long as the file system takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// Where the v2 hierarchy may be mounted: `mount`, or where that is empty /sys/fs/cgroup, or its
// subdirectory unified (hybrid hosts).
[[nodiscard]] std::vector<std::string> cgroup_mounts(const std::string& mount);

// Told by fstatfs(2), not by /proc/mounts.
[[nodiscard]] bool is_cgroup2(const Fd& directory);

// The root of the v2 hierarchy: the first of cgroup_mounts() that is one.
[[nodiscard]] Result<Fd> open_cgroup_root(const std::string& mount);

struct WalkLimits {
  std::size_t directories = 65'536;
  // Children of directories that one user owns, root excepted. Otherwise a user to whom a subtree
  // is delegated could make so many that other users' cgroups are not reached.
  std::size_t of_a_user = 4'096;
  std::size_t depth = 64;
};

struct WalkOutcome {
  std::uint64_t directories = 0;  // how many were seen
  bool was_cut_short = false;     // some were not looked into: a limit, or no permission
};

using FoundCgroup = std::function<void(std::uint64_t id, std::string_view path)>;

// Calls `found` for each of the `wanted` that is there and removes it from them; ends when none is
// left. Paths begin with '/', relative to `root`, which is "/" itself. The upper levels come first.
// Symbolic links are not followed and mounts are not entered.
WalkOutcome walk_cgroups(const Fd& root, std::unordered_set<std::uint64_t>& wanted,
                         const WalkLimits& limits, const FoundCgroup& found);

}  // namespace hb
