// Key: 32 secret bytes. Move-only; wiped on destruction and when moved from.
#pragma once

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hb::secure {

class Key {
 public:
  static constexpr std::size_t kBytes = 32;

  Key() = default;  // all zero, to be written to
  explicit Key(std::span<const std::uint8_t, kBytes> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  Key(Key&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Key& operator=(Key&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    other.wipe();
    return *this;
  }
  ~Key() { wipe(); }

  [[nodiscard]] std::span<const std::uint8_t, kBytes> bytes() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, kBytes> bytes() { return bytes_; }

 private:
  void wipe() { ::OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  std::array<std::uint8_t, kBytes> bytes_{};
};

// The configured keys: at least one.
struct Keys {
  std::optional<Key> shared;  // one for all agents
  std::optional<Key> master;  // each agent's own is derived from it
};

}  // namespace hb::secure
