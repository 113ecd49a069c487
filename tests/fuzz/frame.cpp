// The frame: decode() says what the second definition of the format says, and encode() is its
// inverse.
#include "vlp/frame.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/vlp/vlp_oracle.hpp"

namespace hb::fuzz {
namespace {

using vlp::Bytes;
using vlp::DecodeError;

std::optional<DecodeError> error_of(const Bytes& bytes) {
  const auto decoded = vlp::decode(bytes);
  const auto* error = std::get_if<DecodeError>(&decoded);
  return error != nullptr ? std::optional(*error) : std::nullopt;
}

void check(const Bytes& bytes) {
  require(error_of(bytes) == vlp::oracle_error(bytes), "decode() fails as the oracle does");
  const auto decoded = vlp::decode(bytes);
  const auto* frame = std::get_if<vlp::Frame>(&decoded);
  if (frame != nullptr) require(vlp::encode(*frame) == bytes, "encode(decode(x)) is x");
}

void check_one_bit_off(Bytes bytes, std::uint8_t bit) {
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
  require(error_of(bytes).has_value(), "one wrong bit shows");
}

}  // namespace
}  // namespace hb::fuzz

// 32 bytes, and the number of a bit. Few bytes have the right CRC, so it is also put right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::Input input(data, size);
  auto bytes = input.take<hb::vlp::Bytes>();
  hb::fuzz::check(bytes);
  hb::vlp::fix_crc(bytes);
  hb::fuzz::check(bytes);
  hb::fuzz::check_one_bit_off(bytes, input.take<std::uint8_t>());
  return 0;
}
