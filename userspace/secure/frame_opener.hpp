// FrameOpener: decrypts and authenticates sealed frames (wire.hpp). Does not check for replay; see
// SenderTable.
//
// Owns the keys. One thread. Nothing is allocated for a frame whose agent's key is cached.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "base/result.hpp"
#include "observer/counters.hpp"
#include "secure/aead.hpp"
#include "secure/agent_keys.hpp"
#include "secure/key.hpp"
#include "secure/wire.hpp"

namespace hb::secure {

// An authenticated frame.
struct Opened {
  KeyKind key;
  std::uint32_t agent_pid;  // whose key it is; only with KeyKind::Master
  std::uint64_t iv_random;
  std::uint32_t iv_counter;
  vlp::Bytes frame;
};

class FrameOpener {
 public:
  static Result<FrameOpener> with(Keys keys);

  // Fails with WrongLength (also if it has the length of the form whose key was not configured) or
  // DecryptFailed.
  std::variant<Opened, FrameDrop> open(std::span<const std::uint8_t> datagram);

 private:
  FrameOpener(Aead aead, std::optional<Key> shared, std::optional<AgentKeys> agents)
      : aead_(std::move(aead)), shared_(std::move(shared)), agents_(std::move(agents)) {}

  std::variant<Opened, FrameDrop> open_shared(std::span<const std::uint8_t, kSharedBytes> datagram);
  std::variant<Opened, FrameDrop> open_master(std::span<const std::uint8_t, kMasterBytes> datagram);
  bool open_with(const Key& key, Aead::Input associated,
                 std::span<const std::uint8_t, kSharedBytes> sealed, Opened& opened);

  Aead aead_;
  std::optional<Key> shared_;
  std::optional<AgentKeys> agents_;
};

}  // namespace hb::secure
