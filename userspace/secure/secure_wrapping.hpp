// SecureWrapping: frames sealed with a key, each accepted once.
//
// A datagram is opened (FrameOpener), its frame decoded, and checked for replay (SenderTable). No
// state is kept of a datagram before it has been authenticated.
//
// Authenticated bytes that are not a valid frame are passed on, and the observer reports a decode
// error. They have no sender, so replaying them only repeats that event.
//
// Owns the keys. One thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "secure/frame_opener.hpp"
#include "secure/sender_table.hpp"
#include "secure/wrapping.hpp"

namespace hb::secure {

class SecureWrapping final : public Wrapping {
 public:
  struct Config {
    std::size_t max_senders = 1024;
    std::uint64_t live_ns = 0;  // a sender heard within this is never evicted
    std::uint64_t seed = 0;     // PidHash's
  };

  static Result<std::unique_ptr<SecureWrapping>> with(Keys keys, const Config& config);

  std::variant<Unwrapped, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                            const HostAddress& from, std::uint64_t now_ns) override;

  [[nodiscard]] const SenderTable& senders() const { return senders_; }

 private:
  SecureWrapping(FrameOpener opener, const Config& config)
      : opener_(std::move(opener)), senders_(config.max_senders, config.live_ns, config.seed) {}

  std::variant<Unwrapped, FrameDrop> admit(const Opened& opened, const HostAddress& from,
                                           std::uint64_t now_ns);

  FrameOpener opener_;
  SenderTable senders_;
};

}  // namespace hb::secure
