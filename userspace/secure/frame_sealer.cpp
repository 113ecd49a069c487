#include "secure/frame_sealer.hpp"

#include <sys/random.h>

#include <cerrno>
#include <limits>

#include "secure/agent_keys.hpp"

namespace hb::secure {

Result<FrameSealer::Start> FrameSealer::random_start() {
  Start start;
  const ssize_t got = ::getrandom(&start.iv_random, sizeof(start.iv_random), 0);
  const int code = errno;
  if (got == sizeof(start.iv_random)) return start;
  return os_error(code, "cannot draw a random number for this session");
}

Result<FrameSealer> FrameSealer::with_shared_key(Key key, Start start) {
  auto aead = Aead::make();
  if (!aead) return aead.error();
  return FrameSealer(std::move(aead).value(), std::move(key), std::nullopt, start);
}

Result<FrameSealer> FrameSealer::with_master_key(const Key& master, std::uint32_t agent_pid,
                                                 Start start) {
  auto aead = Aead::make();
  if (!aead) return aead.error();
  auto keys = AgentKeys::of(master);
  if (!keys) return keys.error();
  const Key* key = keys.value().of_agent(agent_pid);
  if (key == nullptr) return crypto_error("derive a key");
  return FrameSealer(std::move(aead).value(), Key(key->bytes()), agent_pid, start);
}

FrameSealer::FrameSealer(Aead aead, Key key, std::optional<std::uint32_t> agent_pid, Start start)
    : aead_(std::move(aead)),
      key_(std::move(key)),
      next_counter_(start.iv_counter),
      prefix_bytes_(agent_pid ? kAgentPidBytes : 0) {
  const std::span<std::uint8_t, kMasterBytes> all(datagram_);
  write_le<std::uint32_t>(all.first<kAgentPidBytes>(), agent_pid.value_or(0));
  write_le<std::uint64_t>(all.subspan<kAgentPidBytes, kIvRandomBytes>(), start.iv_random);
}

Result<std::span<const std::uint8_t>> FrameSealer::seal(const vlp::Bytes& frame) {
  if (next_counter_ > std::numeric_limits<std::uint32_t>::max()) {
    return Error{"this session has sealed all the frames that it can: start the agent again", 0};
  }
  const std::span<std::uint8_t, kMasterBytes> all(datagram_);
  const auto sealed = all.subspan<kAgentPidBytes>();
  write_le<std::uint32_t>(sealed.subspan<kIvRandomBytes, kIvCounterBytes>(),
                          static_cast<std::uint32_t>(next_counter_++));
  if (!aead_.seal(key_, sealed.first<Aead::kNonceBytes>(), all.first(prefix_bytes_), frame,
                  sealed.subspan<Aead::kNonceBytes, vlp::kFrameBytes>(),
                  sealed.last<Aead::kTagBytes>())) {
    return crypto_error("seal a frame");
  }
  return std::span<const std::uint8_t>(all.subspan(kAgentPidBytes - prefix_bytes_));
}

}  // namespace hb::secure
