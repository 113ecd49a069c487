// A datagram as it comes out of a socket, and the seam to the socket it came out of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "stamp.h"

namespace hb {

using FrameBytes = std::array<std::uint8_t, HB_FRAME_BYTES>;

// SCM_CREDENTIALS, in the receiver's namespaces (unix(7)). A privileged sender may write anything
// here that exists; pid is 0 when the sender is out of the receiver's sight.
struct Credentials {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

struct Datagram {
  enum class Kind : std::uint8_t {
    Frame,          // exactly HB_FRAME_BYTES bytes, with credentials
    WrongLength,    // any other length: no frame at all
    CtrlTruncated,  // ancillary data did not fit (MSG_CTRUNC): somebody passed more than
                    // credentials
    NoCredentials,  // the kernel attached none
  };

  Kind kind = Kind::Frame;
  FrameBytes bytes{};
  Credentials credentials;
};

// A datagram socket, never blocking. Descriptors that senders pass are never installed here.
class Receiver {
 public:
  virtual ~Receiver() = default;

  // Fills the front of `batch` in the order of the queue and says how many; 0: nothing waits.
  // The Error is what recvmmsg(2) said; the socket may be used again after it.
  virtual Result<std::size_t> receive(std::span<Datagram> batch) = 0;
};

}  // namespace hb
