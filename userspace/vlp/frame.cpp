#include "vlp/frame.hpp"

#include <concepts>

#include "vlp/crc32c.hpp"

namespace hb::vlp {
namespace {

constexpr std::array<std::uint8_t, 2> kMagic = {0x56, 0x41};
constexpr std::uint8_t kStallStatus = 3;

constexpr std::size_t kVersionAt = 2;
constexpr std::size_t kStatusAt = 3;
constexpr std::size_t kPidAt = 4;
constexpr std::size_t kTimestampAt = 8;
constexpr std::size_t kNonceAt = 16;
constexpr std::size_t kPayloadAt = 24;
constexpr std::size_t kCrcAt = 28;
static_assert(kCrcAt + sizeof(std::uint32_t) == kFrameBytes);

using Input = std::span<const std::uint8_t, kFrameBytes>;

// Byte by byte, so that neither alignment nor the host's byte order matters.
template <std::unsigned_integral Int>
Int load(Input bytes, std::size_t at) {
  Int value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    value |= static_cast<Int>(static_cast<Int>(bytes[at + i]) << (8 * i));
  }
  return value;
}

template <std::unsigned_integral Int>
void store(Bytes& bytes, std::size_t at, Int value) {
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

bool is_terminal_without_cause(const Frame& frame) {
  return frame.nonce == kTerminalNonce && frame.status != Status::Critical;
}

}  // namespace

std::variant<Frame, DecodeError> decode(Input bytes, std::uint32_t lowest_pid) {
  if (bytes[0] != kMagic[0] || bytes[1] != kMagic[1]) return DecodeError::BadMagic;
  if (bytes[kVersionAt] != kVersion) return DecodeError::BadVersion;
  if (load<std::uint32_t>(bytes, kCrcAt) != crc32c(bytes.first(kCrcAt))) return DecodeError::BadCrc;
  if (bytes[kStatusAt] > kStallStatus) return DecodeError::BadStatus;
  if (bytes[kStatusAt] == kStallStatus) return DecodeError::StallOnWire;

  const Frame frame{.status = static_cast<Status>(bytes[kStatusAt]),
                    .pid = load<std::uint32_t>(bytes, kPidAt),
                    .timestamp = load<std::uint64_t>(bytes, kTimestampAt),
                    .nonce = load<std::uint64_t>(bytes, kNonceAt),
                    .payload = load<std::uint32_t>(bytes, kPayloadAt)};
  if (frame.pid < lowest_pid) return DecodeError::BadPid;
  if (frame.timestamp == kIllegalTimestamp) return DecodeError::BadTimestamp;
  if (is_terminal_without_cause(frame)) return DecodeError::BadNonce;
  return frame;
}

Bytes encode(const Frame& frame) {
  Bytes bytes{kMagic[0], kMagic[1], kVersion, static_cast<std::uint8_t>(frame.status)};
  store(bytes, kPidAt, frame.pid);
  store(bytes, kTimestampAt, frame.timestamp);
  store(bytes, kNonceAt, frame.nonce);
  store(bytes, kPayloadAt, frame.payload);
  store(bytes, kCrcAt, crc32c(std::span(bytes).first<kCrcAt>()));
  return bytes;
}

}  // namespace hb::vlp
