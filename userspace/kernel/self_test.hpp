// SelfTest: this process sends itself a frame through a socket pair that carries the program, and
// looks at the stamp and at the datagram that come back. Proves the whole path on this kernel
// before any agent can send, and tells the observer its own PID namespace without /proc.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "identity/datagram.hpp"
#include "stamp.h"

namespace hb::kernel {

class StampProgram;

class SelfTest {
 public:
  // What one frame to oneself left behind.
  struct Echo {
    hb_stamp stamp;
    std::optional<Credentials> credentials;  // as received; nothing came by ring delivery
    std::uint64_t skb;                       // of the receipt; 0 when there was none
  };

  static Result<SelfTest> begin(StampProgram& program);

  // Sends and receives one frame. The Error says which step did not do what it must.
  Result<Echo> echo();

  // Sends a frame that carries a descriptor, and demands that nothing arrives.
  Result<> drops_descriptors();

 private:
  SelfTest(StampProgram& program, Fd sender, Fd receiver)
      : program_(&program), sender_(std::move(sender)), receiver_(std::move(receiver)) {}

  Result<> send(const FrameBytes& frame) const;
  Result<std::optional<Credentials>> receive(const FrameBytes& frame);
  Result<> read_ring(Echo& echo);

  StampProgram* program_;
  Fd sender_;
  Fd receiver_;
};

}  // namespace hb::kernel
