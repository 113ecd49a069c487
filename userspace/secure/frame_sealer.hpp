// FrameSealer: seals the frames of one session of an agent (wire.hpp).
//
// iv_random is chosen at construction. A process that forks must make a new FrameSealer in the
// child: otherwise both would use the same nonces. Owns the agent's key. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "secure/aead.hpp"
#include "secure/key.hpp"
#include "secure/wire.hpp"

namespace hb::secure {

class FrameSealer {
 public:
  // Where a session begins; random, but in tests.
  struct Start {
    std::uint64_t iv_random = 0;
    std::uint32_t iv_counter = 0;
  };
  static Result<Start> random_start();

  static Result<FrameSealer> with_shared_key(Key key, Start start);
  static Result<FrameSealer> with_master_key(const Key& master, std::uint32_t agent_pid,
                                             Start start);

  // 60 or 64 bytes, valid until the next call. Fails after 2^32 frames: the nonces are used up.
  Result<std::span<const std::uint8_t>> seal(const vlp::Bytes& frame);

 private:
  FrameSealer(Aead aead, Key key, std::optional<std::uint32_t> agent_pid, Start start);

  Aead aead_;
  Key key_;
  std::uint64_t next_counter_;  // one bit wider than the wire's, so that it shows the end
  std::size_t prefix_bytes_;    // of datagram_, that the master key's form has in front
  std::array<std::uint8_t, kMasterBytes> datagram_{};
};

}  // namespace hb::secure
