// Workspace: a mount namespace for scenarios and measurements.
//
// It has an empty tmpfs for sockets and bundles, so nothing remains when this process ends. This
// process is a subreaper: orphans of the scenarios become its children. One per process; created
// first.
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

  // Initially empty; readable for all users.
  [[nodiscard]] const std::string& directory() const { return directory_; }

  // Kills and reaps all remaining processes of the scenarios. Call it when no Child exists.
  static void reap_orphans();

 private:
  Workspace(Mount mount, std::string directory)
      : mount_(std::move(mount)), directory_(std::move(directory)) {}

  Mount mount_;
  std::string directory_;
};

}  // namespace hb::lab
