// Datagrams that carry a descriptor, and one that is dear to receive: the last reference to a TCP
// socket whose close(2) sleeps in whoever drops it.
#pragma once

#include <cstdint>
#include <deque>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::bench {

// sendmsg(2) with SCM_RIGHTS, without waiting; what it returned, errno as it left it.
[[nodiscard]] ssize_t send_descriptor(int socket, std::span<const std::uint8_t> bytes, int passed);

// From now on a signal comes fifty times a second (SIGALRM) and ends this process's own sleeps in
// tcp_close(): if a datagram was refused, the last reference is not the observer's to drop.
[[nodiscard]] Result<> interrupt_own_sleeps();

// LingeringSockets: connections on the loopback with unsent data and SO_LINGER, to peers that never
// read. close(2) of such a one sleeps in tcp_close() until its peer is gone, a signal comes, or the
// time that it lingers is over. The peers are held here: when this goes, whoever sleeps wakes up.
//
// One thread.
class LingeringSockets {
 public:
  static Result<LingeringSockets> make();

  // One more of them; the oldest is let go when there are kMost.
  Result<Fd> next();

  static constexpr std::size_t kMost = 100;
  static constexpr int kLingers_s = 60;

 private:
  LingeringSockets(Fd listener, std::uint16_t port) : listener_(std::move(listener)), port_(port) {}

  Fd listener_;
  std::uint16_t port_;  // in network byte order
  std::deque<Fd> peers_;
};

}  // namespace hb::bench
