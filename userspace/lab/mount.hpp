// Mount: one mount in this process's own mount namespace; unmounted by the destructor.
#pragma once

#include <string>

#include "base/result.hpp"

namespace hb::lab {

class Mount {
 public:
  // `options` as in mount(8)'s -o, those of the file system alone.
  static Result<Mount> make(const std::string& file_system, const std::string& where,
                            const std::string& options = {});

  Mount(Mount&& other) noexcept;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

 private:
  explicit Mount(std::string where) : where_(std::move(where)) {}

  std::string where_;  // empty: none
};

// Moves this process to a new, private mount namespace; later mounts are not visible outside, and
// end with its processes.
[[nodiscard]] Result<> leave_mount_namespace();

// The same for a process that was created with CLONE_NEWNS.
[[nodiscard]] Result<> keep_mounts_private();

}  // namespace hb::lab
