#include "daemon/notify_member.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kStatusPeriod_ns = 10 * kNsPerSecond;
constexpr std::uint64_t kShortestPeriod_ns = 10 * kNsPerMs;
constexpr std::uint64_t kRetry_ns = 100 * kNsPerMs;

// Two may be late or lost before the service manager acts.
std::uint64_t period_ns(std::uint64_t watchdog_ns) {
  if (watchdog_ns == 0) return kStatusPeriod_ns;
  return std::clamp(watchdog_ns / 3, kShortestPeriod_ns, kStatusPeriod_ns);
}

// Not the observer's clock, which tests replace: systemd compares it with its own.
std::uint64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * (kNsPerSecond / kNsPerUs) +
         static_cast<std::uint64_t>(now.tv_nsec) / kNsPerUs;
}

}  // namespace

NotifyMember::NotifyMember(ServiceManager& manager, const ReachMember& reach,
                           const Observer& observer, std::string path)
    : manager_(manager),
      reach_(reach),
      observer_(observer),
      path_(std::move(path)),
      period_ns_(period_ns(manager.watchdog_ns())) {}

void NotifyMember::begin(std::uint64_t now_ns) {
  if (!manager_.is_there()) return;
  owes_ready_ = true;
  tick(now_ns);
}

void NotifyMember::finish() { manager_.tell("STOPPING=1\nSTATUS=Ending"); }

// The next tick() comes after all members have reopened.
void NotifyMember::reopen() {
  manager_.tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
  owes_ready_ = manager_.is_there();
}

void NotifyMember::tick(std::uint64_t now_ns) {
  if (!manager_.is_there()) return;
  if (owes_ready_) tell_ready();
  const bool has_changed = std::exchange(was_lost_, reach_.is_lost()) != reach_.is_lost();
  if (now_ns >= next_ns_ || has_changed) {
    next_ns_ = now_ns + period_ns_;
    owes_food_ = manager_.watchdog_ns() != 0;
    tell_status();
  }
  if (owes_food_) feed();
  wake_ns_ = owes_ready_ ? std::min(next_ns_, now_ns + kRetry_ns) : next_ns_;
}

void NotifyMember::tell_ready() {
  const std::string now = status();
  if (!manager_.tell("READY=1\nSTATUS=" + now)) return;
  owes_ready_ = false;
  told_status_ = now;
}

void NotifyMember::tell_status() {
  std::string now = status();
  if (now == told_status_ || !manager_.tell("STATUS=" + now)) return;
  told_status_ = std::move(now);
}

// If there was no check since, the next one wakes the loop.
void NotifyMember::feed() {
  if (reach_.is_lost() || reach_.proven_ns() <= fed_proven_ns_) return;
  if (!manager_.tell("WATCHDOG=1")) return;
  owes_food_ = false;
  fed_proven_ns_ = reach_.proven_ns();
}

std::string NotifyMember::status() const {
  if (reach_.is_lost()) return fmt::format("Agents cannot reach {}", path_);
  return fmt::format("Observing {} agents at {}", observer_.agents(), path_);
}

}  // namespace hb::daemon
