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

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "transport/socket_directory.hpp"

namespace hb {

// Makes the socket's name free to bind: removes a stale socket. A live socket and a file that is
// not a socket are never removed; the Error names the remedy. To be called with the claim held.
[[nodiscard]] Result<> clear_name(const SocketDirectory& directory);

class PathClaim {
 public:
  // Takes the lock. Borrows the directory, which must outlive it.
  static Result<PathClaim> take(const SocketDirectory& directory);

  // Goes on with a predecessor's lock, which has been held since by whoever kept its descriptor.
  // Empty where the lock file has lost its name, or is none.
  static std::optional<PathClaim> adopt(const SocketDirectory& directory, Fd lock);

  // For a successor.
  [[nodiscard]] int fd() const { return lock_.get(); }
  // Closes the descriptor, and leaves file and lock to those who keep them.
  void leave() { lock_.reset(); }

  PathClaim(PathClaim&& other) noexcept = default;
  PathClaim& operator=(PathClaim&&) = delete;
  ~PathClaim();

  // Whether the lock file still has its name: otherwise another process may have made a new one.
  [[nodiscard]] bool is_in_force() const;

 private:
  PathClaim(const SocketDirectory& directory, Fd lock)
      : directory_(&directory), lock_(std::move(lock)) {}

  const SocketDirectory* directory_;
  Fd lock_;
};

}  // namespace hb
