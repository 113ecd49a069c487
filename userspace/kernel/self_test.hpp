// SelfTest: this process sends itself a frame through a socket pair with the program attached, and
// checks the datagram, the stamp and its time. This tests the program on this kernel before any
// agent can send, and yields the observer's PID namespace without /proc.
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
  // The stamp and the datagram of one test frame.
  struct Echo {
    hb_stamp stamp;
    std::optional<Credentials> credentials;  // as received; none with ring delivery
    std::uint64_t skb;                       // of the receipt; 0 when there was none
  };

  static Result<SelfTest> begin(StampProgram& program);

  // Sends and receives one frame. The Error says which step failed.
  Result<Echo> echo();

  // Sends a frame that carries a descriptor; an Error if it arrives.
  Result<> drops_descriptors();

 private:
  SelfTest(StampProgram& program, Fd sender, Fd receiver)
      : program_(&program), sender_(std::move(sender)), receiver_(std::move(receiver)) {}

  Result<> send(const FrameBytes& frame);
  Result<std::optional<Credentials>> receive(const FrameBytes& frame);
  Result<> read_ring(Echo& echo);
  [[nodiscard]] Result<> same_clock(const hb_stamp& stamp) const;

  StampProgram* program_;
  std::uint64_t before_ns_ = 0;  // CLOCK_MONOTONIC before and after the last send
  std::uint64_t after_ns_ = 0;
  Fd sender_;
  Fd receiver_;
};

}  // namespace hb::kernel
