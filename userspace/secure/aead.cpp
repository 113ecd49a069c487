#include "secure/aead.hpp"

#include <utility>

namespace hb::secure {

Result<Aead> Aead::make() {
  if (auto begun = begin_libcrypto(); !begun) return begun.error();
  const Owned<EVP_CIPHER> cipher(::EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr));
  Owned<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
  if (!cipher || !context ||
      ::EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, 1, nullptr) != 1) {
    return crypto_error("do ChaCha20-Poly1305");
  }
  return Aead(std::move(context));
}

bool Aead::begin(const Key& key, Nonce nonce, bool sealing) {
  return ::EVP_CipherInit_ex2(context_.get(), nullptr, key.bytes().data(), nonce.data(),
                              sealing ? 1 : 0, nullptr) == 1;
}

bool Aead::run(Input associated, Input in, Output out) {
  int length = 0;
  if (!associated.empty() && ::EVP_CipherUpdate(context_.get(), nullptr, &length, associated.data(),
                                                static_cast<int>(associated.size())) != 1) {
    return false;
  }
  return ::EVP_CipherUpdate(context_.get(), out.data(), &length, in.data(),
                            static_cast<int>(in.size())) == 1 &&
         std::cmp_equal(length, in.size()) &&
         ::EVP_CipherFinal_ex(context_.get(), out.data() + length, &length) == 1;
}

bool Aead::seal(const Key& key, Nonce nonce, Input associated, Input plain, Output sealed,
                std::span<std::uint8_t, kTagBytes> tag) {
  return begin(key, nonce, true) && run(associated, plain, sealed) &&
         ::EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) == 1;
}

// OpenSSL writes the plain text before it checks the tag, so wipe it if the tag is wrong.
bool Aead::open(const Key& key, Nonce nonce, Input associated, Input sealed,
                std::span<const std::uint8_t, kTagBytes> tag, Output plain) {
  auto* expected = const_cast<std::uint8_t*>(tag.data());  // not modified, see EVP_EncryptInit(3)
  if (begin(key, nonce, false) &&
      ::EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected) == 1 &&
      run(associated, sealed, plain)) {
    return true;
  }
  ::OPENSSL_cleanse(plain.data(), plain.size());
  return false;
}

}  // namespace hb::secure
