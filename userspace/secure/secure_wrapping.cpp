#include "secure/secure_wrapping.hpp"

namespace hb::secure {

Result<std::unique_ptr<SecureWrapping>> SecureWrapping::with(Keys keys, const Config& config) {
  auto opener = FrameOpener::with(std::move(keys));
  if (!opener) return opener.error();
  return std::unique_ptr<SecureWrapping>(new SecureWrapping(std::move(opener).value(), config));
}

std::variant<FrameBytes, FrameDrop> SecureWrapping::unwrap(std::span<const std::uint8_t> datagram,
                                                           std::uint64_t now_ns) {
  const auto opened = opener_.open(datagram);
  if (const auto* dropped = std::get_if<FrameDrop>(&opened)) return *dropped;
  return admit(std::get<Opened>(opened), now_ns);
}

std::variant<FrameBytes, FrameDrop> SecureWrapping::admit(const Opened& opened,
                                                          std::uint64_t now_ns) {
  const auto decoded = vlp::decode(opened.frame);
  const auto* frame = std::get_if<vlp::Frame>(&decoded);
  if (frame == nullptr) return opened.frame;
  if (opened.key == KeyKind::Master && opened.agent_pid != frame->pid) {
    return FrameDrop::AgentPidMismatch;
  }
  const Place place{opened.iv_random, opened.iv_counter, frame->timestamp, frame->nonce};
  switch (senders_.admit({opened.key, frame->pid}, place, now_ns)) {
    case SenderTable::Answer::Fresh: return opened.frame;
    case SenderTable::Answer::Replayed: return FrameDrop::Replayed;
    case SenderTable::Answer::Full: return FrameDrop::SenderTableFull;
  }
  return FrameDrop::Replayed;
}

}  // namespace hb::secure
