// QueueLength: how many datagrams may be queued on a Unix socket.
//
// The kernel reads the sysctl net.unix.max_dgram_qlen of the network namespace when a socket is
// created. So it is raised for that instant only:
//
//   QueueLength queue(512);
//   auto listener = UnixListener::open();
//   queue.restore();                       or at the end of the scope
//
// Never lowers it. While it is raised, the sysctl's file is locked with flock(2), and other
// observers wait for a bounded time, so that none restores the value that another one raised. One
// thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

class QueueLength {
 public:
  explicit QueueLength(std::uint64_t wanted);
  QueueLength(const QueueLength&) = delete;
  QueueLength& operator=(const QueueLength&) = delete;
  ~QueueLength() { restore(); }

  void restore();

  // The most datagrams that a socket created now can queue. An upper bound if the sysctl cannot be
  // read.
  [[nodiscard]] std::uint64_t in_force() const { return in_force_; }

  // Why it could not be raised or restored; with the remedy.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  void raise(std::uint64_t wanted);

  Fd file_;
  std::uint64_t in_force_;
  std::optional<std::uint64_t> before_;  // to put back
  std::optional<Error> problem_;
};

}  // namespace hb
