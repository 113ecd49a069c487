// PathClaim: the right to bind a socket at a path, for one process at a time.
//
// A socket file outlives its process, so "is there a file?" does not tell a live observer from a
// dead one, and two observers that both replace a stale file would steal each other's path. The
// claim is an flock(2) on a lock file beside the socket: the kernel releases it when its holder
// dies, however it dies. A process that knows nothing of the lock is found by connecting to it.
//
// Owned by the listener, for as long as it is bound. One thread. The lock file goes with the claim;
// after a kill -9 it stays, unlocked, and is taken over.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// "/run/hb" of "/run/hb/hb.sock"; "." of "hb.sock".
[[nodiscard]] std::string directory_of(const std::string& path);

class PathClaim {
 public:
  // Makes the path free to bind: makes the directory when only its last component is missing,
  // takes the lock, removes a stale socket. The Error, with its remedy, says who is in the way: a
  // live socket and a file that is no socket are never touched.
  //
  // A directory that was made is chowned to `run_as_uid`, provided that its parent is ours and
  // nobody else may write to it, so that nobody can have replaced it meanwhile.
  static Result<PathClaim> take(const std::string& path,
                                std::optional<uid_t> run_as_uid = std::nullopt);

  PathClaim(PathClaim&&) noexcept = default;
  PathClaim& operator=(PathClaim&&) = delete;
  ~PathClaim();

 private:
  PathClaim(std::string lock_path, Fd lock)
      : lock_path_(std::move(lock_path)), lock_(std::move(lock)) {}

  static Result<PathClaim> lock(const std::string& path);

  std::string lock_path_;
  Fd lock_;
};

}  // namespace hb
