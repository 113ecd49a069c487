#include "vlp/crc32c.hpp"

#include <array>
#include <cstddef>

namespace hb::vlp {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;
constexpr std::size_t kSlices = 8;

// Slicing-by-8. tables[s][b]: the contribution of byte b to the remainder when s more bytes follow
// it.
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr std::uint32_t one_byte(std::uint32_t byte) {
  for (int bit = 0; bit < 8; ++bit) byte = (byte >> 1) ^ ((byte & 1) != 0 ? kPolynomial : 0);
  return byte;
}

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) tables[0][byte] = one_byte(byte);
  for (std::size_t s = 1; s < kSlices; ++s) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[s - 1][byte];
      tables[s][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t eight_bytes(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < kSlices; ++i) {
    const std::uint32_t remainder = i < sizeof(crc) ? (crc >> (8 * i)) & 0xFF : 0;
    next ^= kTables[kSlices - 1 - i][bytes[i] ^ remainder];
  }
  return next;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) crc = eight_bytes(crc, bytes);
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xFF];
  return ~crc;
}

}  // namespace hb::vlp
