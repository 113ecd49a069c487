// AgentKeys: the key of each agent, derived from the master key, so that no agent can seal or open
// another's frames:
//
//   HKDF-SHA256 (RFC 5869), the master key in, salt empty, info = "varta-agent-v1", a zero byte and
//   the pid as four little-endian bytes; 32 bytes out
//
// Derived keys are cached in a table of fixed size. All keys are wiped on destruction. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "secure/key.hpp"
#include "secure/libcrypto.hpp"

namespace hb::secure {

class AgentKeys {
 public:
  static Result<AgentKeys> of(const Key& master);

  // nullptr: OpenSSL failed. Valid until the next call.
  const Key* of_agent(std::uint32_t pid);

 private:
  static constexpr std::size_t kKept = 1024;

  struct Kept {
    std::uint32_t pid = 0;
    bool valid = false;
    Key key;
  };

  explicit AgentKeys(Owned<EVP_KDF_CTX> context) : context_(std::move(context)), kept_(kKept) {}

  bool derive(std::uint32_t pid, Key& key);

  Owned<EVP_KDF_CTX> context_;  // holds the master key
  std::vector<Kept> kept_;      // at pid % kKept
};

}  // namespace hb::secure
