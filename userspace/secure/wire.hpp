// The secure wrapping of a frame: ChaCha20-Poly1305 (RFC 8439) around its 32 bytes.
//
//   shared key   iv_random[8] iv_counter[4] ciphertext[32] tag[16]                  60 bytes
//   master key   agent_pid[4] iv_random[8] iv_counter[4] ciphertext[32] tag[16]     64 bytes
//
// The AEAD's nonce is iv_random then iv_counter. iv_random is chosen at random for each session and
// iv_counter counts its datagrams from 0, so that no nonce is used twice under one key. With the
// master key, the key is the agent's own (agent_keys.hpp) and the associated data are the four
// bytes of agent_pid, which must also be the pid in the frame; with the shared key there are none.
// Numbers are unsigned, little-endian. The two forms differ in length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "secure/aead.hpp"
#include "vlp/frame.hpp"

namespace hb::secure {

enum class KeyKind : std::uint8_t { Shared, Master };

inline constexpr std::size_t kAgentPidBytes = 4;
inline constexpr std::size_t kIvRandomBytes = 8;
inline constexpr std::size_t kIvCounterBytes = 4;
inline constexpr std::size_t kSharedBytes = Aead::kNonceBytes + vlp::kFrameBytes + Aead::kTagBytes;
inline constexpr std::size_t kMasterBytes = kAgentPidBytes + kSharedBytes;
static_assert(kIvRandomBytes + kIvCounterBytes == Aead::kNonceBytes);
static_assert(kSharedBytes == 60 && kMasterBytes == 64);

template <typename Number>
Number read_le(std::span<const std::uint8_t, sizeof(Number)> bytes) {
  Number number = 0;
  for (std::size_t i = sizeof(Number); i > 0; --i) {
    number = static_cast<Number>(number << 8) | bytes[i - 1];
  }
  return number;
}

template <typename Number>
void write_le(std::span<std::uint8_t, sizeof(Number)> bytes, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
}

}  // namespace hb::secure
