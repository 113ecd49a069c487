// Mount: one mount of this process's own mount namespace, taken away when its owner lets go of it.
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

// A mount namespace of its own for this process and those that it will make; nothing that is
// mounted from here on is seen outside, nor outlives them.
[[nodiscard]] Result<> leave_mount_namespace();

// The same for a process that was made in a new one (CLONE_NEWNS).
[[nodiscard]] Result<> keep_mounts_private();

}  // namespace hb::lab
