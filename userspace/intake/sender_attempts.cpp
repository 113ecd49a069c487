#include "intake/sender_attempts.hpp"

namespace hb::intake {
namespace {

Unheard reason_of(const kernel::Attempt& attempt) {
  if (!attempt.refused_for) return Unheard::QueueFull;
  switch (*attempt.refused_for) {
    case HB_DROP_RATE_LIMITED: return Unheard::RateLimited;
    case HB_DROP_SHARE: return Unheard::Share;
    default: return Unheard::RingFull;
  }
}

}  // namespace

std::optional<LastAttempt> SenderAttempts::last_attempt(std::uint32_t slot,
                                                        std::uint64_t generation_ns) const {
  const auto attempt = senders_.last_attempt(slot, generation_ns);
  if (!attempt) return std::nullopt;
  return LastAttempt{attempt->at_ns, reason_of(*attempt)};
}

std::optional<std::uint64_t> SenderAttempts::fatal_since_ns(std::uint32_t slot,
                                                            std::uint64_t generation_ns) const {
  const auto fatal = senders_.fatal(slot, generation_ns);
  return fatal ? std::optional(fatal->at_ns) : std::nullopt;
}

}  // namespace hb::intake
