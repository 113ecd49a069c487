#include "secure/agent_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "secure/wire.hpp"

namespace hb::secure {
namespace {

// Including the zero byte at the end.
constexpr std::string_view kLabel("varta-agent-v1\0", 15);

// OpenSSL only reads these parameters, but its types are not const.
OSSL_PARAM text(const char* name, const char* value) {
  return ::OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

OSSL_PARAM octets(const char* name, std::span<const std::uint8_t> bytes) {
  return ::OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                             bytes.size());
}

}  // namespace

Result<AgentKeys> AgentKeys::of(const Key& master) {
  if (auto begun = begin_libcrypto(); !begun) return begun.error();
  const Owned<EVP_KDF> hkdf(::EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  Owned<EVP_KDF_CTX> context(hkdf ? ::EVP_KDF_CTX_new(hkdf.get()) : nullptr);
  const std::array<OSSL_PARAM, 3> parameters = {text(OSSL_KDF_PARAM_DIGEST, "SHA256"),
                                                octets(OSSL_KDF_PARAM_KEY, master.bytes()),
                                                ::OSSL_PARAM_construct_end()};
  if (!context || ::EVP_KDF_CTX_set_params(context.get(), parameters.data()) != 1) {
    return crypto_error("do HKDF-SHA256");
  }
  return AgentKeys(std::move(context));
}

const Key* AgentKeys::of_agent(std::uint32_t pid) {
  Kept& kept = kept_[pid % kKept];
  if (kept.valid && kept.pid == pid) return &kept.key;
  kept.pid = pid;
  kept.valid = derive(pid, kept.key);
  return kept.valid ? &kept.key : nullptr;
}

bool AgentKeys::derive(std::uint32_t pid, Key& key) {
  std::array<std::uint8_t, kLabel.size() + kAgentPidBytes> info{};
  std::copy(kLabel.begin(), kLabel.end(), info.begin());
  write_le<std::uint32_t>(std::span(info).last<kAgentPidBytes>(), pid);
  const std::array<OSSL_PARAM, 2> parameters = {octets(OSSL_KDF_PARAM_INFO, info),
                                                ::OSSL_PARAM_construct_end()};
  return ::EVP_KDF_derive(context_.get(), key.bytes().data(), Key::kBytes, parameters.data()) == 1;
}

}  // namespace hb::secure
