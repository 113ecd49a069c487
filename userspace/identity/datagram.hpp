// A received datagram, and the interface of the socket that it comes from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "stamp.h"

namespace hb {

using FrameBytes = std::array<std::uint8_t, HB_FRAME_BYTES>;

// SCM_CREDENTIALS, in the receiver's namespaces (unix(7)). A privileged sender may pass any
// existing pid; pid is 0 when the sender has none in the receiver's PID namespace.
struct Credentials {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

struct Datagram {
  enum class Kind : std::uint8_t {
    Frame,          // exactly HB_FRAME_BYTES bytes, with credentials
    WrongLength,    // any other length: not a frame
    CtrlTruncated,  // MSG_CTRUNC: the sender passed more than credentials
    NoCredentials,  // the kernel attached none
  };

  Kind kind = Kind::Frame;
  FrameBytes bytes{};
  Credentials credentials;
};

// A non-blocking datagram socket. Descriptors that senders pass are never installed.
class Receiver {
 public:
  virtual ~Receiver() = default;

  // Fills the front of `batch` in the order of the queue and says how many; 0: nothing waits. The
  // Error is that of recvmmsg(2); the socket may be used again after it.
  virtual Result<std::size_t> receive(std::span<Datagram> batch) = 0;
};

}  // namespace hb
