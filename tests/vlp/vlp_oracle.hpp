// A second, independent implementation of the frame format: one bit at a time, one field at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "vlp/frame.hpp"

namespace hb::vlp {

inline std::uint32_t oracle_crc(const Bytes& bytes, std::size_t count) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t bit = 0; bit < 8 * count; ++bit) {
    const std::uint32_t in = (bytes[bit / 8] >> (bit % 8)) & 1U;
    const bool carry = ((crc ^ in) & 1U) != 0;
    crc >>= 1;
    if (carry) crc ^= 0x82F63B78;
  }
  return crc ^ 0xFFFFFFFF;
}

inline void fix_crc(Bytes& bytes) {
  std::uint32_t crc = oracle_crc(bytes, 28);
  for (std::size_t i = 28; i < 32; ++i, crc /= 256) bytes[i] = static_cast<std::uint8_t>(crc % 256);
}

inline bool all_of(const Bytes& bytes, std::size_t from, std::size_t to, std::uint8_t value) {
  return std::all_of(&bytes[from], &bytes[to - 1] + 1, [=](auto byte) { return byte == value; });
}

inline std::optional<DecodeError> oracle_error(const Bytes& bytes) {
  Bytes right = bytes;
  fix_crc(right);
  const bool pid_0_or_1 = bytes[4] <= 1 && all_of(bytes, 5, 8, 0);
  const std::pair<bool, DecodeError> checks[] = {
      {bytes[0] != 'V' || bytes[1] != 'A', DecodeError::BadMagic},
      {bytes[2] != 2, DecodeError::BadVersion},
      {bytes != right, DecodeError::BadCrc},
      {bytes[3] > 3, DecodeError::BadStatus},
      {bytes[3] == 3, DecodeError::StallOnWire},
      {pid_0_or_1, DecodeError::BadPid},
      {all_of(bytes, 8, 16, 0xFF), DecodeError::BadTimestamp},
      {all_of(bytes, 16, 24, 0xFF) && bytes[3] != 2, DecodeError::BadNonce},
  };
  for (const auto& [failed, error] : checks) {
    if (failed) return error;
  }
  return std::nullopt;
}

}  // namespace hb::vlp
