#include "publish/health.hpp"

#include <fmt/format.h>

#include "base/units.hpp"

namespace hb {
namespace {

// The loop's instant may be younger than ours, which was taken before.
std::optional<std::uint64_t> age(const std::atomic<std::uint64_t>& instant, std::uint64_t now_ns) {
  const std::uint64_t then_ns = instant.load(std::memory_order_relaxed);
  if (then_ns == 0) return std::nullopt;
  return now_ns > then_ns ? now_ns - then_ns : 0;
}

double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

}  // namespace

Health judge_health(const Board& board, const HealthLimits& limits, std::uint64_t now_ns) {
  Health health;
  health.loop_age_ns = age(board.turned_ns, now_ns);
  health.self_beat_age_ns = age(board.self_beat_ns, now_ns);
  health.is_healthy = health.loop_age_ns && *health.loop_age_ns <= limits.turn_ns;
  if (!health.loop_age_ns) {
    health.reasons.emplace_back("the observer is starting: its loop has not turned yet");
  } else if (!health.is_healthy) {
    health.reasons.push_back(
        fmt::format("the loop has not turned for {:.1f} s, at most {:.1f} s "
                    "are allowed",
                    seconds(*health.loop_age_ns), seconds(limits.turn_ns)));
  }
  const bool is_lost = board.is_lost.load(std::memory_order_relaxed) != 0;
  const bool is_back = health.self_beat_age_ns && *health.self_beat_age_ns <= limits.self_beat_ns;
  if (is_lost) {
    health.reasons.emplace_back("agents cannot reach the socket");
  } else if (!is_back) {
    health.reasons.push_back(
        health.self_beat_age_ns
            ? fmt::format("the observer's own frame has not come back for {:.1f} s, at most {:.1f} "
                          "s are allowed",
                          seconds(*health.self_beat_age_ns), seconds(limits.self_beat_ns))
            : "the observer's own frame has not come back yet");
  }
  health.is_ready = health.is_healthy && is_back && !is_lost;
  return health;
}

}  // namespace hb
