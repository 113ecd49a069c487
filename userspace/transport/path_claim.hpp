// PathClaim: a lock on a socket path, held by one process at a time.
//
// A socket file outlives its process, so its existence does not show that an observer is alive, and
// two observers that replace a stale file could replace each other's. Hence an flock(2) on a lock
// file beside the socket, which the kernel releases when the holder ends. A live process that does
// not use the lock is detected with connect(2).
//
// Owned by the listener while it is bound. One thread. The destructor removes the lock file; after
// SIGKILL it stays, unlocked, and is reused.
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
  // Makes the path free to bind: makes the directory when only its last component is missing, takes
  // the lock, removes a stale socket. A live socket and a file that is not a socket are never
  // removed; the Error names the remedy.
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
