// SelfBeat: shows that agents can reach the observer. It sends a datagram to the observer's own
// socket, by its path, as they do, and demands that the kernel program sees it, and that its stamp
// is read from the ring.
//
// With procfs attestation there is no program, and only the path is looked at.
//
// Borrows all that it is given. One thread: the one that reads the ring.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/stamp_program.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

// Sends the frame to the socket at `path` once, without waiting. 0, or errno.
[[nodiscard]] int send_once(const std::string& path, const FrameBytes& frame);

class SelfBeat {
 public:
  // `program`: nullptr for procfs attestation. `listener` is bound to `path`.
  static Result<SelfBeat> open(const kernel::StampProgram* program, const UnixListener& listener,
                               const std::string& path);

  // How far the ring has been read.
  struct RingRead {
    std::uint64_t self_beat_ns;  // when the latest self-beat in it had been sent; 0: none was read
    std::uint64_t times;         // how often it has been read
  };

  // Sends one, if the path leads here. `now_ns`: on CLOCK_MONOTONIC. The Error says why agents
  // cannot reach the observer; its code is EACCES where this user may not look.
  Result<> check(const RingRead& read, std::uint64_t now_ns);

 private:
  // The ring is stuck if the stamp of a self-beat has not been read from it for longer than
  // kUnread_ns and in more than kMostReads readings. (The time alone would not do: between two
  // readings the observer may be busy for long.)
  static constexpr std::uint64_t kMostReads = 8;
  static constexpr std::uint64_t kUnread_ns = 2 * kNsPerSecond;

  SelfBeat(const kernel::StampProgram* program, const UnixListener& listener, Fd sender)
      : program_(program), listener_(&listener), sender_(std::move(sender)) {}

  [[nodiscard]] int send() const;
  [[nodiscard]] Result<> is_read(const RingRead& read, std::uint64_t now_ns);

  const kernel::StampProgram* program_;
  const UnixListener* listener_;
  Fd sender_;
  sockaddr_un address_{};
  std::uint64_t unread_since_ns_ = 0;  // the oldest one whose stamp was not read; 0: there is none
  std::uint64_t unread_since_times_ = 0;  // RingRead::times then
};

}  // namespace hb::intake
