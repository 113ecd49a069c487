// Owners of OpenSSL's objects, and its initialisation.
#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <string>

#include "base/result.hpp"

namespace hb::secure {

struct FreeCrypto {
  void operator()(EVP_CIPHER* cipher) const { ::EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }  // and wipes
  void operator()(EVP_KDF* kdf) const { ::EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { ::EVP_KDF_CTX_free(context); }  // likewise
};
template <typename T>
using Owned = std::unique_ptr<T, FreeCrypto>;

// Call before any other OpenSSL function. OpenSSL then reads no configuration file, so neither that
// file nor the environment can load another provider into this process.
[[nodiscard]] Result<> begin_libcrypto();

// OpenSSL cannot do `what`.
[[nodiscard]] Error crypto_error(const std::string& what);

}  // namespace hb::secure
