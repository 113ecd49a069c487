#include "audit/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace hb {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no SHA-256: check its configuration (openssl.cnf)");
  }
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace hb
