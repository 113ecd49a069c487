#include "secure/secure_wrapping.hpp"

namespace hb::secure {

Result<std::unique_ptr<SecureWrapping>> SecureWrapping::with(Keys keys, const Config& config) {
  auto opener = FrameOpener::with(std::move(keys));
  if (!opener) return opener.error();
  return std::unique_ptr<SecureWrapping>(new SecureWrapping(std::move(opener).value(), config));
}

std::variant<Unwrapped, FrameDrop> SecureWrapping::unwrap(std::span<const std::uint8_t> datagram,
                                                          const HostAddress& from,
                                                          std::uint64_t now_ns) {
  const auto opened = opener_.open(datagram);
  if (const auto* dropped = std::get_if<FrameDrop>(&opened)) return *dropped;
  return admit(std::get<Opened>(opened), from, now_ns);
}

// The agent's own key says which agent it is, wherever it sends from. Who has the shared key may be
// one of many hosts; the address counts with which its session began.
std::variant<Unwrapped, FrameDrop> SecureWrapping::admit(const Opened& opened,
                                                         const HostAddress& from,
                                                         std::uint64_t now_ns) {
  const auto decoded = vlp::decode(opened.frame);
  const auto* frame = std::get_if<vlp::Frame>(&decoded);
  const bool has_own_key = opened.key == KeyKind::Master;
  if (frame == nullptr) return Unwrapped{opened.frame, {from, has_own_key}};
  if (has_own_key && opened.agent_pid != frame->pid) {
    return FrameDrop::AgentPidMismatch;
  }
  const Place place{opened.iv_random, opened.iv_counter, frame->timestamp, frame->nonce};
  Sender sender{opened.key, frame->pid, has_own_key ? kThisHost : from};
  switch (senders_.admit(sender, place, now_ns)) {
    case SenderTable::Answer::Fresh:
      return Unwrapped{opened.frame, {has_own_key ? from : sender.host, has_own_key}};
    case SenderTable::Answer::Replayed: return FrameDrop::Replayed;
    case SenderTable::Answer::Full: return FrameDrop::SenderTableFull;
  }
  return FrameDrop::Replayed;
}

}  // namespace hb::secure
