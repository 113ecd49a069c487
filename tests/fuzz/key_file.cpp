// The text of a key's file: 64 hexadecimal digits, or no key.
#include "secure/key_file.hpp"

#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefABCDEF";

bool is_key(std::string_view text) {
  if (text.size() == 65 && text.back() == '\n') text.remove_suffix(1);
  return text.size() == 64 && text.find_first_not_of(kDigits) == std::string_view::npos;
}

std::string hex(const secure::Key& key) {
  std::string digits;
  for (const std::uint8_t byte : key.bytes()) {
    digits += kDigits[byte / 16];
    digits += kDigits[byte % 16];
  }
  return digits;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

void check(std::string_view text) {
  const auto key = secure::parse_key(text);
  require(key.has_value() == is_key(text), "64 hexadecimal digits are a key, and nothing else is");
  if (key) require(hex(*key) == lower_case(text.substr(0, 64)), "the key is what its digits say");
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::text_of({data, size}));
  return 0;
}
