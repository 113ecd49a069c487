// For every fuzz target: consumes the fuzzer's bytes from the front, and checks invariants.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace hb::fuzz {

// Ends the process when `fact` is not so; libFuzzer then keeps the input.
inline void require(bool holds, const char* fact) {
  if (holds) return;
  std::fprintf(stderr, "NOT SO: %s\n", fact);
  std::abort();
}

// Missing bytes are zero, so every input is valid for every target.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  template <typename T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const auto bytes = take_bytes(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

  bool take_bit() { return (take<std::uint8_t>() & 1) != 0; }

  // At most `count` of them.
  std::span<const std::uint8_t> take_bytes(std::size_t count) {
    const auto bytes = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

inline std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace hb::fuzz
