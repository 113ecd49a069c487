// Bytes, keys and sealed frames for the tests of secure UDP.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "secure/frame_sealer.hpp"
#include "vlp/frame.hpp"

namespace hb::secure {

using Bytes = std::vector<std::uint8_t>;

inline Bytes from_hex(const std::string& digits) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : bytes) {
    digits += kDigits[byte >> 4];
    digits += kDigits[byte & 15];
  }
  return digits;
}

// first, first + 1, ...: 000102..1f when not told.
inline Key key_from(std::uint8_t first = 0) {
  Key key;
  for (std::uint8_t& byte : key.bytes()) byte = first++;
  return key;
}

inline FrameSealer shared_sealer(FrameSealer::Start start = {}, std::uint8_t key = 0) {
  return FrameSealer::with_shared_key(key_from(key), start).value();
}

inline FrameSealer master_sealer(std::uint32_t pid, FrameSealer::Start start = {},
                                 std::uint8_t key = 0) {
  return FrameSealer::with_master_key(key_from(key), pid, start).value();
}

inline Bytes sealed(FrameSealer& sealer, const vlp::Bytes& frame) {
  const auto datagram = sealer.seal(frame);
  EXPECT_TRUE(datagram);
  return datagram ? Bytes(datagram.value().begin(), datagram.value().end()) : Bytes();
}

inline Bytes sealed(FrameSealer& sealer, const vlp::Frame& frame) {
  return sealed(sealer, vlp::encode(frame));
}

}  // namespace hb::secure
