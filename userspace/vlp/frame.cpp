#include "vlp/frame.hpp"

#include <concepts>

#include "vlp/crc32c.hpp"

namespace hb::vlp {
namespace {

constexpr std::array<std::uint8_t, 2> kMagic = {HB_FRAME_MAGIC & 0xFF, HB_FRAME_MAGIC >> 8};
constexpr std::size_t kCrcAt = HB_FRAME_CRC_OFFSET;
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
  if (bytes[HB_FRAME_VERSION_OFFSET] != kVersion) return DecodeError::BadVersion;
  if (load<std::uint32_t>(bytes, kCrcAt) != crc32c(bytes.first(kCrcAt))) return DecodeError::BadCrc;
  if (bytes[HB_FRAME_STATUS_OFFSET] > HB_FRAME_STALL) return DecodeError::BadStatus;
  if (bytes[HB_FRAME_STATUS_OFFSET] == HB_FRAME_STALL) return DecodeError::StallOnWire;

  const Frame frame{.status = static_cast<Status>(bytes[HB_FRAME_STATUS_OFFSET]),
                    .pid = load<std::uint32_t>(bytes, HB_FRAME_PID_OFFSET),
                    .timestamp = load<std::uint64_t>(bytes, HB_FRAME_TIMESTAMP_OFFSET),
                    .nonce = load<std::uint64_t>(bytes, HB_FRAME_NONCE_OFFSET),
                    .payload = load<std::uint32_t>(bytes, HB_FRAME_PAYLOAD_OFFSET)};
  if (frame.pid < lowest_pid) return DecodeError::BadPid;
  if (frame.timestamp == kIllegalTimestamp) return DecodeError::BadTimestamp;
  if (is_terminal_without_cause(frame)) return DecodeError::BadNonce;
  return frame;
}

Bytes encode(const Frame& frame) {
  Bytes bytes{kMagic[0], kMagic[1], kVersion, static_cast<std::uint8_t>(frame.status)};
  store(bytes, HB_FRAME_PID_OFFSET, frame.pid);
  store(bytes, HB_FRAME_TIMESTAMP_OFFSET, frame.timestamp);
  store(bytes, HB_FRAME_NONCE_OFFSET, frame.nonce);
  store(bytes, HB_FRAME_PAYLOAD_OFFSET, frame.payload);
  store(bytes, kCrcAt, crc32c(std::span(bytes).first<kCrcAt>()));
  return bytes;
}

}  // namespace hb::vlp
