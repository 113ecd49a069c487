#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <ostream>
#include <string>
#include <string_view>

#include "tests/vlp/vlp_oracle.hpp"
#include "vlp/frame.hpp"

namespace hb::vlp {

// For gtest's messages.
static std::ostream& operator<<(std::ostream& out, const Frame& f) {
  return out << name(f.status) << " pid " << f.pid << " timestamp " << f.timestamp << " nonce "
             << f.nonce << " payload " << f.payload;
}
static std::ostream& operator<<(std::ostream& out, DecodeError error) { return out << name(error); }

namespace {

Bytes hex(std::string_view digits) {
  Bytes bytes{};
  EXPECT_EQ(digits.size(), 2 * bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(&digits[2 * i], &digits[2 * i] + 2, bytes[i], 16);
  }
  return bytes;
}

using Decoded = std::variant<Frame, DecodeError>;
Decoded decode_hex(std::string_view digits) { return decode(hex(digits)); }

// --- The frames of the protocol's text ---

struct Example {
  const char* digits;
  Decoded meaning;
};
std::ostream& operator<<(std::ostream& out, const Example& e) { return out << e.digits; }

class Examples : public testing::TestWithParam<Example> {};

TEST_P(Examples, Decodes) { EXPECT_EQ(decode_hex(GetParam().digits), GetParam().meaning); }

TEST_P(Examples, EncodesBackToTheSameBytesIfItIsAFrame) {
  const auto* frame = std::get_if<Frame>(&GetParam().meaning);
  if (frame != nullptr) {
    EXPECT_EQ(encode(*frame), hex(GetParam().digits));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, Examples,
    testing::Values(Example{"56410200020000000000000000000000010000000000000000000000e4116baa",
                            Frame{Status::Ok, 2, 0, 1, 0}},
                    Example{"5641020139300000d2029649000000006400000000000000efbeadde7bbc775f",
                            Frame{Status::Degraded, 12345, 1234567890, 100, 3735928559}},
                    Example{"5641020202000000e703000000000000ffffffffffffffff00000000a299eeed",
                            Frame{Status::Critical, 2, 999, kTerminalNonce, 0}},
                    Example{"5641020002000000e80300000000000001000000000000000000000055d0861c",
                            Frame{Status::Ok, 2, 1000, 1, 0}},
                    Example{"564101000200000064000000000000000100000000000000000000007a774318",
                            DecodeError::BadVersion},
                    Example{"564102000200000064000000000000000100000000000000000000006bfbb06f",
                            DecodeError::BadCrc},
                    Example{"5641020001000000640000000000000001000000000000000000000008ca8ca5",
                            DecodeError::BadPid},
                    Example{"56410200020000006400000000000000ffffffffffffffff000000008c2889f8",
                            DecodeError::BadNonce}),
    [](const auto& example) { return "number" + std::to_string(example.index); });

// --- One error at a time, and their order ---

struct Change {
  std::size_t at;
  std::uint8_t value;
};

// A legal frame, so changed, its CRC made right again.
Decoded decode_changed(Change change) {
  Bytes bytes = encode(Frame{Status::Ok, 1000, 5, 7, 9});
  bytes[change.at] = change.value;
  fix_crc(bytes);
  return decode(bytes);
}

Decoded decode_frame(const Frame& frame) { return decode(encode(frame)); }

TEST(Decode, AnotherMagicIsBadMagicInEitherByte) {
  EXPECT_EQ(decode_changed({0, 'v'}), Decoded(DecodeError::BadMagic));
  EXPECT_EQ(decode_changed({1, 'a'}), Decoded(DecodeError::BadMagic));
}

TEST(Decode, EveryOtherVersionIsBadVersion) {
  for (unsigned version = 0; version < 256; ++version) {
    if (version == kVersion) continue;
    EXPECT_EQ(decode_changed({2, static_cast<std::uint8_t>(version)}),
              Decoded(DecodeError::BadVersion));
  }
}

TEST(Decode, EveryFlippedBitBehindTheVersionIsBadCrc) {
  const Bytes good = encode(Frame{Status::Ok, 1000, 5, 7, 9});
  for (std::size_t bit = 8 * 3; bit < 8 * kFrameBytes; ++bit) {
    Bytes flipped = good;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(decode(flipped), Decoded(DecodeError::BadCrc)) << bit;
  }
}

TEST(Decode, StallIsForObserversAndStatusesAboveItAreBad) {
  EXPECT_EQ(decode_changed({3, 3}), Decoded(DecodeError::StallOnWire));
  for (unsigned status = 4; status < 256; ++status) {
    EXPECT_EQ(decode_changed({3, static_cast<std::uint8_t>(status)}),
              Decoded(DecodeError::BadStatus));
  }
}

TEST(Decode, PidsBelowTwoAreBad) {
  EXPECT_EQ(decode_frame({.pid = 0}), Decoded(DecodeError::BadPid));
  EXPECT_EQ(decode_frame({.pid = 1}), Decoded(DecodeError::BadPid));
  EXPECT_EQ(decode(encode({.pid = 0}), kInitPid), Decoded(DecodeError::BadPid));
  EXPECT_EQ(decode(encode({.pid = 1}), kInitPid), Decoded(Frame{.pid = 1}));
  EXPECT_EQ(decode_frame({.pid = 2}), Decoded(Frame{.pid = 2}));
  EXPECT_EQ(decode_frame({.pid = 0xFFFFFFFF}), Decoded(Frame{.pid = 0xFFFFFFFF}));
}

TEST(Decode, OnlyTheTimestampOfAllOnesIsBad) {
  const Frame highest{.pid = 2, .timestamp = kIllegalTimestamp - 1};
  EXPECT_EQ(decode_frame(highest), Decoded(highest));
  EXPECT_EQ(decode_frame({.pid = 2, .timestamp = kIllegalTimestamp}),
            Decoded(DecodeError::BadTimestamp));
}

TEST(Decode, TheTerminalNonceIsForTheCriticalOnly) {
  const Frame last_word{.status = Status::Critical, .pid = 2, .nonce = kTerminalNonce};
  EXPECT_EQ(decode_frame(last_word), Decoded(last_word));
  for (const Status status : {Status::Ok, Status::Degraded}) {
    EXPECT_EQ(decode_frame({.status = status, .pid = 2, .nonce = kTerminalNonce}),
              Decoded(DecodeError::BadNonce));
  }
}

// All fields wrong, then corrected one by one: each error is reported in its turn.
TEST(Decode, TheFirstFailureInOrderWins) {
  Bytes bytes;
  bytes.fill(0xFF);
  bytes[4] = 1;
  std::fill(&bytes[5], &bytes[8], std::uint8_t{0});
  const auto mended = [&](Change change, bool crc_too = true) {
    bytes[change.at] = change.value;
    if (crc_too) fix_crc(bytes);
    return decode(bytes);
  };

  EXPECT_EQ(decode(bytes), Decoded(DecodeError::BadMagic));
  EXPECT_EQ(mended({0, 'V'}, false), Decoded(DecodeError::BadMagic));
  EXPECT_EQ(mended({1, 'A'}, false), Decoded(DecodeError::BadVersion));
  EXPECT_EQ(mended({2, 2}, false), Decoded(DecodeError::BadCrc));
  EXPECT_EQ(mended({2, 2}), Decoded(DecodeError::BadStatus));
  EXPECT_EQ(mended({3, 3}), Decoded(DecodeError::StallOnWire));
  EXPECT_EQ(mended({3, 1}), Decoded(DecodeError::BadPid));
  EXPECT_EQ(mended({4, 2}), Decoded(DecodeError::BadTimestamp));
  EXPECT_EQ(mended({8, 0}), Decoded(DecodeError::BadNonce));
  EXPECT_TRUE(std::holds_alternative<Frame>(mended({16, 0})));
}

TEST(Encode, WritesAlsoWhatIsIllegal) {
  EXPECT_EQ(encode(Frame{.pid = 1, .timestamp = 100, .nonce = 1}),
            hex("5641020001000000640000000000000001000000000000000000000008ca8ca5"));
}

TEST(Names, AreThoseOfTheProtocol) {
  EXPECT_STREQ(name(Status::Critical), "critical");
  EXPECT_STREQ(name(DecodeError::BadMagic), "BadMagic");
  EXPECT_STREQ(name(DecodeError::StallOnWire), "StallOnWire");
}

}  // namespace
}  // namespace hb::vlp
