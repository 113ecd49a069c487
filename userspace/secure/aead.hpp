// Aead: ChaCha20-Poly1305, one message at a time.
//
// One context is used for all messages, without allocation. It holds the last key, which is wiped
// on destruction. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "secure/key.hpp"
#include "secure/libcrypto.hpp"

namespace hb::secure {

class Aead {
 public:
  static constexpr std::size_t kNonceBytes = 12;
  static constexpr std::size_t kTagBytes = 16;

  using Nonce = std::span<const std::uint8_t, kNonceBytes>;
  using Input = std::span<const std::uint8_t>;
  using Output = std::span<std::uint8_t>;

  static Result<Aead> make();

  // `sealed` is as long as `plain`. False: OpenSSL failed; nothing may be sent.
  [[nodiscard]] bool seal(const Key& key, Nonce nonce, Input associated, Input plain, Output sealed,
                          std::span<std::uint8_t, kTagBytes> tag);

  // False: not sealed with this key and nonce and these associated data. `plain`, as long as
  // `sealed`, is then all zero.
  [[nodiscard]] bool open(const Key& key, Nonce nonce, Input associated, Input sealed,
                          std::span<const std::uint8_t, kTagBytes> tag, Output plain);

 private:
  explicit Aead(Owned<EVP_CIPHER_CTX> context) : context_(std::move(context)) {}

  bool begin(const Key& key, Nonce nonce, bool sealing);
  bool run(Input associated, Input in, Output out);

  Owned<EVP_CIPHER_CTX> context_;
};

}  // namespace hb::secure
