// CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final XOR all ones.
#pragma once

#include <cstdint>
#include <span>

namespace hb::vlp {

[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes);

}  // namespace hb::vlp
