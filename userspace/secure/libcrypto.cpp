#include "secure/libcrypto.hpp"

#include <openssl/crypto.h>

namespace hb::secure {

Result<> begin_libcrypto() {
  if (::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1) return ok();
  return crypto_error("start");
}

Error crypto_error(const std::string& what) {
  return Error{"this system's OpenSSL (" + std::string(::OpenSSL_version(OPENSSL_VERSION)) +
                   ") cannot " + what + ": secure UDP needs its default provider",
               0};
}

}  // namespace hb::secure
