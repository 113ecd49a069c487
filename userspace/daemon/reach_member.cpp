#include "daemon/reach_member.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kLongestPeriod_ns = kNsPerSecond;
constexpr std::uint64_t kShortestPeriod_ns = 10 * kNsPerMs;
constexpr std::uint64_t kFresh_ns = kNsPerMs;  // a result holds for so long

// A sender that is connected to the former socket is heard there at least so often; else it is
// refused when that is closed, and connects anew.
constexpr std::uint64_t kFormerRest_ns = 600 * kNsPerSecond;

}  // namespace

void ReachMember::begin(std::uint64_t now_ns) {
  checked_ns_ = reached_ns_ = now_ns;
  const auto reached = intake_.check_reach(now_ns);
  if (reached) proven_ns_ = now_ns;
  if (reached || reached.error().code != EACCES) return;
  may_look_ = false;
  spdlog::warn(
      "{}: as this user cannot look there, it will not be noticed if the socket loses its path, "
      "/readyz does not say that it is ready, and a service manager's watchdog is not fed (let it "
      "search the directory)",
      reached.error().message);
}

std::uint64_t ReachMember::period_ns() const {
  return std::clamp(observer_.shortest_threshold_ns() / 4, kShortestPeriod_ns, kLongestPeriod_ns);
}

// Called while the observer judges, so it is only noted, and the rest is done by tick().
bool ReachMember::is_reachable(std::uint64_t now_ns) {
  if (is_lost_ || is_finished_) return !is_lost_;
  if (now_ns < checked_ns_ + kFresh_ns) return true;
  if (const auto reached = check(now_ns); !reached) lose(reached.error(), now_ns);
  return !is_lost_;
}

// A turn that the loop takes anyway is used a quarter of the period earlier, so that none is taken
// for it alone.
void ReachMember::tick(std::uint64_t now_ns) {
  if (is_finished_ || now_ns + period_ns() / 4 < wake_ns()) return;
  const auto reached = check(now_ns);
  if (reached && is_lost_) regain(false, now_ns);
  if (!reached && !is_lost_) lose(reached.error(), now_ns);
  if (is_lost_) end_if_over(now_ns);
  if (is_lost_) try_to_regain(now_ns);
  look_after_former(now_ns);
}

Result<> ReachMember::check(std::uint64_t now_ns) {
  checked_ns_ = now_ns;
  auto reached = may_look_ ? intake_.check_reach(now_ns) : ok();
  if (reached && !is_lost_) {
    reached_ns_ = now_ns;
    if (may_look_) proven_ns_ = now_ns;
    observer_.note_reached();
  }
  return reached;
}

void ReachMember::lose(const Error& why, std::uint64_t now_ns) {
  const std::uint64_t held_ns = now_ns - regained_ns_;
  if (first_lost_ns_ == 0 || held_ns > std::max(2 * config_.threshold_ns, kLongestPeriod_ns)) {
    first_lost_ns_ = now_ns;
  }
  is_lost_ = true;
  ++unreachable_;
  spdlog::error("agents cannot reach {}: {}; nobody is reported as silent until they can",
                config_.path, why.message);
  tell_({.reachable = false,
         .message = why.message,
         .since_ns = observer_.since_start(reached_ns_),
         .observer_ns = observer_.since_start(now_ns)});
}

void ReachMember::try_to_regain(std::uint64_t now_ns) {
  auto regained = intake_.rebind();
  if (regained) {
    ++rebound_;
    former_heard_ns_ = now_ns;
    former_received_ = 0;
    regained = intake_.check_reach(now_ns);
  }
  if (regained) return regain(true, now_ns);
  if (regained.error().message == std::exchange(problem_, regained.error().message)) return;
  spdlog::error("a new socket cannot be given the path: {}; tried again", problem_);
}

void ReachMember::regain(bool rebound, std::uint64_t now_ns) {
  const std::uint64_t lasted_ns = now_ns - reached_ns_;
  spdlog::warn("agents can reach {} again{}, after {}.{:03} s", config_.path,
               rebound ? ", where a new socket is bound" : "", lasted_ns / kNsPerSecond,
               lasted_ns % kNsPerSecond / kNsPerMs);
  tell_({.reachable = true,
         .rebound = rebound,
         .since_ns = observer_.since_start(reached_ns_),
         .observer_ns = observer_.since_start(now_ns)});
  observer_.was_unreachable(reached_ns_, now_ns);
  observer_.note_reached();
  is_lost_ = false;
  reached_ns_ = proven_ns_ = regained_ns_ = now_ns;
  problem_.clear();
}

void ReachMember::end_if_over(std::uint64_t now_ns) {
  if (config_.unreachable_ns == 0 || now_ns - first_lost_ns_ < config_.unreachable_ns) return;
  is_over_ = true;
  spdlog::error("agents could not reach {}, or not for long, for --unreachable-ms: ending",
                config_.path);
}

std::optional<ExitCode> ReachMember::ends_with() const {
  return is_over_ ? std::optional(ExitCode::Failed) : std::nullopt;
}

void ReachMember::look_after_former(std::uint64_t now_ns) {
  if (!intake_.has_former()) return;
  if (std::exchange(former_received_, intake_.former_received()) != former_received_) {
    former_heard_ns_ = now_ns;
  }
  if (now_ns - former_heard_ns_ >= kFormerRest_ns) intake_.close_former();
}

void ReachMember::append_totals(Totals& totals) const {
  append(totals, kUnreachable, unreachable_);
  append(totals, kRebound, rebound_);
}

}  // namespace hb::daemon
