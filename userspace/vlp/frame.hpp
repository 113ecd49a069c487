// VLP v0.2: the heartbeat frame, 32 bytes, little-endian.
//
//   offset size field      rule
//        0    2 magic      56 41 ("VA")
//        2    1 version    02
//        3    1 status     0 ok, 1 degraded, 2 critical; 3 (stall) is never legal on the wire
//        4    4 pid        the sender's process id as it sees itself; 0 and 1 are illegal
//        8    8 timestamp  the sender's own monotonic value; all ones is illegal
//       16    8 nonce      first beat 1, strictly increasing; all ones: terminal, critical only
//       24    4 payload    opaque to the observer
//       28    4 crc32c     CRC-32C of bytes 0..27
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/enum_values.hpp"
#include "vlp/hb_frame.h"

namespace hb::vlp {

inline constexpr std::size_t kFrameBytes = HB_FRAME_BYTES;
inline constexpr std::uint8_t kVersion = HB_FRAME_VERSION;
inline constexpr std::uint64_t kTerminalNonce = ~std::uint64_t{0};  // an agent's last beat
inline constexpr std::uint64_t kIllegalTimestamp = ~std::uint64_t{0};
inline constexpr std::uint32_t kLowestPid = 2;
inline constexpr std::uint32_t kInitPid = 1;  // of a container's first process

enum class Status : std::uint8_t {
  Ok = HB_FRAME_OK,
  Degraded = HB_FRAME_DEGRADED,
  Critical = HB_FRAME_CRITICAL,
};

struct Frame {
  Status status = Status::Ok;
  std::uint32_t pid = 0;
  std::uint64_t timestamp = 0;
  std::uint64_t nonce = 0;
  std::uint32_t payload = 0;

  friend bool operator==(const Frame&, const Frame&) = default;
};

// In the order in which decode() checks; it returns the first failure. The order is part of the
// format: BadMagic means that this is another protocol, BadCrc that a frame was corrupted.
enum class DecodeError : std::uint8_t {
  BadMagic,
  BadVersion,
  BadCrc,
  BadStatus,     // status byte above 3
  StallOnWire,   // status byte 3: stall, which only observers report
  BadPid,        // 0 or 1
  BadTimestamp,  // all ones
  BadNonce,      // all ones without status critical
};

using Bytes = std::array<std::uint8_t, kFrameBytes>;

// `lowest_pid`: kInitPid where it is known otherwise that the sender has that pid.
[[nodiscard]] std::variant<Frame, DecodeError> decode(
    std::span<const std::uint8_t, kFrameBytes> bytes, std::uint32_t lowest_pid = kLowestPid);

// Does not check the fields, so that tests can encode illegal frames.
[[nodiscard]] Bytes encode(const Frame& frame);

// The names in logs, JSON lines and metrics.
[[nodiscard]] constexpr const char* name(Status status) {
  switch (status) {
    case Status::Ok: return "ok";
    case Status::Degraded: return "degraded";
    case Status::Critical: return "critical";
  }
  return kNoName;
}

[[nodiscard]] constexpr const char* name(DecodeError error) {
  switch (error) {
    case DecodeError::BadMagic: return "BadMagic";
    case DecodeError::BadVersion: return "BadVersion";
    case DecodeError::BadCrc: return "BadCrc";
    case DecodeError::BadStatus: return "BadStatus";
    case DecodeError::StallOnWire: return "StallOnWire";
    case DecodeError::BadPid: return "BadPid";
    case DecodeError::BadTimestamp: return "BadTimestamp";
    case DecodeError::BadNonce: return "BadNonce";
  }
  return kNoName;
}

inline constexpr std::size_t kDecodeErrors = kEnumValues<DecodeError>.size();

}  // namespace hb::vlp
