// Workspace: a world of this process's own to compare in.
//
// A mount namespace with an empty file system in it, on which sockets and bundles live: whatever
// ends this process, nothing of it can remain. Orphans of the scenarios become children of this
// process, to be reaped by it. One for a process; made before anything else, and never left.
#pragma once

#include <string>

#include "base/result.hpp"
#include "lab/mount.hpp"

namespace hb::lab {

class Workspace {
 public:
  static Result<Workspace> enter();

  Workspace(Workspace&&) noexcept = default;
  ~Workspace() { reap_orphans(); }

  // Empty at first; anybody may look into it.
  [[nodiscard]] const std::string& directory() const { return directory_; }

  // Ends and reaps every process that the scenarios have left. Call it when no Child is alive.
  static void reap_orphans();

 private:
  Workspace(Mount mount, std::string directory)
      : mount_(std::move(mount)), directory_(std::move(directory)) {}

  Mount mount_;
  std::string directory_;
};

}  // namespace hb::lab
