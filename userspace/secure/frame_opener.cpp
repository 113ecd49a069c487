#include "secure/frame_opener.hpp"

namespace hb::secure {

Result<FrameOpener> FrameOpener::with(Keys keys) {
  auto aead = Aead::make();
  if (!aead) return aead.error();
  std::optional<AgentKeys> agents;
  if (keys.master) {
    auto derived = AgentKeys::of(*keys.master);
    if (!derived) return derived.error();
    agents = std::move(derived).value();
  }
  return FrameOpener(std::move(aead).value(), std::move(keys.shared), std::move(agents));
}

std::variant<Opened, FrameDrop> FrameOpener::open(std::span<const std::uint8_t> datagram) {
  if (shared_ && datagram.size() == kSharedBytes)
    return open_shared(datagram.first<kSharedBytes>());
  if (agents_ && datagram.size() == kMasterBytes)
    return open_master(datagram.first<kMasterBytes>());
  return FrameDrop::WrongLength;
}

std::variant<Opened, FrameDrop> FrameOpener::open_shared(
    std::span<const std::uint8_t, kSharedBytes> datagram) {
  Opened opened{};
  opened.key = KeyKind::Shared;
  if (!open_with(*shared_, {}, datagram, opened)) return FrameDrop::DecryptFailed;
  return opened;
}

std::variant<Opened, FrameDrop> FrameOpener::open_master(
    std::span<const std::uint8_t, kMasterBytes> datagram) {
  const auto agent = datagram.first<kAgentPidBytes>();
  Opened opened{};
  opened.key = KeyKind::Master;
  opened.agent_pid = read_le<std::uint32_t>(agent);
  const Key* key = agents_->of_agent(opened.agent_pid);
  if (key == nullptr || !open_with(*key, agent, datagram.subspan<kAgentPidBytes>(), opened)) {
    return FrameDrop::DecryptFailed;
  }
  return opened;
}

bool FrameOpener::open_with(const Key& key, Aead::Input associated,
                            std::span<const std::uint8_t, kSharedBytes> sealed, Opened& opened) {
  opened.iv_random = read_le<std::uint64_t>(sealed.first<kIvRandomBytes>());
  opened.iv_counter = read_le<std::uint32_t>(sealed.subspan<kIvRandomBytes, kIvCounterBytes>());
  return aead_.open(key, sealed.first<Aead::kNonceBytes>(), associated,
                    sealed.subspan<Aead::kNonceBytes, vlp::kFrameBytes>(),
                    sealed.last<Aead::kTagBytes>(), opened.frame);
}

}  // namespace hb::secure
