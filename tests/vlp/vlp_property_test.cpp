// The CRC and the frame against the oracle, on any bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/vlp/vlp_oracle.hpp"
#include "vlp/crc32c.hpp"

namespace hb::vlp {
namespace {

class Random {
 public:
  std::uint64_t number() { return engine_(); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_()); }
  std::size_t below(std::size_t n) { return engine_() % n; }

  Bytes bytes() {
    Bytes bytes;
    for (auto& b : bytes) b = byte();
    return bytes;
  }
  // Most often a legal frame, and always near one.
  Bytes frame() {
    const Frame frame{static_cast<Status>(below(3)), static_cast<std::uint32_t>(below(5)), number(),
                      below(4) == 0 ? kTerminalNonce : number(),
                      static_cast<std::uint32_t>(number())};
    return encode(frame);
  }

 private:
  std::mt19937_64 engine_{20240229};
};

std::uint32_t crc_of(std::string_view text) {
  return crc32c({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void agree_with_oracle(const Bytes& bytes) {
  const auto decoded = decode(bytes);
  const auto expected = oracle_error(bytes);
  if (expected) {
    ASSERT_TRUE(std::holds_alternative<DecodeError>(decoded)) << name(*expected);
    ASSERT_EQ(std::get<DecodeError>(decoded), *expected);
  } else {
    ASSERT_TRUE(std::holds_alternative<Frame>(decoded)) << name(std::get<DecodeError>(decoded));
    ASSERT_EQ(encode(std::get<Frame>(decoded)), bytes);
  }
}

// --- CRC-32C ---

TEST(Crc32c, HasTheCheckValues) {
  EXPECT_EQ(crc_of(""), 0x00000000U);
  EXPECT_EQ(crc_of("a"), 0xc1d04330U);
  EXPECT_EQ(crc_of("123456789"), 0xe3069283U);
  EXPECT_EQ(crc_of(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc_of(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(Crc32c, AgreesWithOneBitAtATimeAtEveryLength) {
  Random random;
  for (std::size_t length = 0; length <= kFrameBytes; ++length) {
    const Bytes bytes = random.bytes();
    EXPECT_EQ(crc32c(std::span(bytes).first(length)), oracle_crc(bytes, length)) << length;
  }
}

// --- Any 32 bytes ---

TEST(AnyBytes, RandomOnesAgreeWithTheOracle) {
  Random random;
  for (int i = 0; i < 100'000; ++i) ASSERT_NO_FATAL_FAILURE(agree_with_oracle(random.bytes()));
}

TEST(AnyBytes, RandomOnesBehindAGoodStartAgreeWithTheOracle) {
  Random random;
  for (int i = 0; i < 100'000; ++i) {
    Bytes bytes = random.bytes();
    bytes[0] = 'V', bytes[1] = 'A', bytes[2] = 2;
    bytes[3] = static_cast<std::uint8_t>(random.below(6));
    if (random.below(4) != 0) fix_crc(bytes);
    ASSERT_NO_FATAL_FAILURE(agree_with_oracle(bytes));
  }
}

TEST(AnyBytes, MutatedFramesWithTheCrcMadeRightAgreeWithTheOracle) {
  Random random;
  std::vector<bool> seen(kDecodeErrors + 1);
  for (int i = 0; i < 300'000; ++i) {
    Bytes bytes = random.frame();
    for (auto n = random.below(3); n > 0; --n) bytes[random.below(28)] = random.byte();
    if (random.below(8) == 0) std::fill(&bytes[8], &bytes[16], std::uint8_t{0xFF});
    if (random.below(8) != 0) fix_crc(bytes);
    ASSERT_NO_FATAL_FAILURE(agree_with_oracle(bytes));
    const auto error = oracle_error(bytes);
    seen[error ? static_cast<std::size_t>(*error) : kDecodeErrors] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kDecodeErrors + 1) << "every way was taken";
}

}  // namespace
}  // namespace hb::vlp
