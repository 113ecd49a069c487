// Frames as the kernel program looks at them: 32 bytes with or without the magic, and a claimed
// pid.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "stamp.h"

namespace hb::test {

using Frame = std::array<char, HB_FRAME_BYTES>;

inline Frame frame_that_claims(std::uint32_t pid) {
  Frame frame{};
  const std::uint16_t magic = HB_FRAME_MAGIC;
  std::memcpy(frame.data(), &magic, sizeof(magic));
  std::memcpy(frame.data() + HB_FRAME_PID_OFFSET, &pid, sizeof(pid));
  return frame;
}

// With the terminal nonce.
inline Frame last_word_of(std::uint32_t pid) {
  Frame frame = frame_that_claims(pid);
  frame[HB_FRAME_STATUS_OFFSET] = HB_FRAME_CRITICAL;
  std::memset(frame.data() + HB_FRAME_NONCE_OFFSET, 0xff, sizeof(std::uint64_t));
  return frame;
}

inline Frame own_last_word() { return last_word_of(static_cast<std::uint32_t>(::getpid())); }

inline Frame own_frame() { return frame_that_claims(static_cast<std::uint32_t>(::getpid())); }

inline ssize_t send_frame(int fd, const Frame& frame) {
  return ::send(fd, frame.data(), frame.size(), MSG_DONTWAIT);
}

}  // namespace hb::test
