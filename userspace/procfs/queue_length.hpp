// QueueLength: how many datagrams may wait on a Unix socket.
//
// The kernel has one knob for it, the sysctl net.unix.max_dgram_qlen of the network namespace, and
// reads it when a socket is made. So it is raised for that instant only:
//
//   QueueLength queue(512);
//   auto listener = UnixListener::open();
//   queue.restore();                       or at the end of the scope
//
// Never lowers it. While it is raised, other observers that want the same wait (for a bounded time)
// on the sysctl's file, so that none puts back what another one raised. One thread.
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

  // The most datagrams that a socket made now holds back. When it cannot be read, a number that is
  // surely no smaller.
  [[nodiscard]] std::uint64_t in_force() const { return in_force_; }

  // Why it is not what was wanted, or not what it was before; with the remedy.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  void raise(std::uint64_t wanted);

  Fd file_;
  std::uint64_t in_force_;
  std::optional<std::uint64_t> before_;  // to put back
  std::optional<Error> problem_;
};

}  // namespace hb
