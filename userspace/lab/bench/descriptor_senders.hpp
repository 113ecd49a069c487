// Sends datagrams with descriptors; among them the last reference to a TCP socket with SO_LINGER,
// whose close(2) blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::bench {

// Non-blocking sendmsg(2) with SCM_RIGHTS; returns what it does, with errno.
[[nodiscard]] ssize_t send_descriptor(int socket, std::span<const std::uint8_t> bytes, int passed);

// From now on SIGALRM comes fifty times a second and interrupts this process's own sleeps in
// tcp_close(): if a datagram was refused, the last reference is closed in this process.
[[nodiscard]] Result<> interrupt_own_sleeps();

// LingeringSockets: loopback connections with unsent data and SO_LINGER, to peers that never read.
// close(2) of one sleeps in tcp_close() until its peer is closed, a signal comes, or the linger
// time is over. The peers are owned here, so the destructor wakes all sleepers.
//
// One thread.
class LingeringSockets {
 public:
  static Result<LingeringSockets> make();

  // Makes another one; closes the oldest peer when there are kMost.
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
