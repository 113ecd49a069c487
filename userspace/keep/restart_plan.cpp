#include "keep/restart_plan.hpp"

#include <algorithm>

namespace hb::keep {
namespace {

constexpr std::uint64_t kMinute_ms = 60'000;
constexpr std::uint64_t kMostDelay_ms = 30'000;
constexpr std::uint64_t kMostDoublings = 16;

// Bad usage or configuration, or a kernel that cannot attest: starting again changes nothing.
bool is_hopeless(int code) { return code == 2 || code == 3; }

}  // namespace

std::optional<std::uint64_t> RestartPlan::after(const End& end) {
  if (end.code == 0 && limits_.restart == Restart::OnFailure) return std::nullopt;
  if (is_hopeless(end.code)) return std::nullopt;
  if (end.ready_ms >= kMinute_ms) in_a_row_ = 0;
  ++in_a_row_;
  if (limits_.start_limit != 0 && in_a_row_ >= limits_.start_limit) return std::nullopt;
  const std::uint64_t longer = limits_.delay_ms << std::min(in_a_row_ - 1, kMostDoublings);
  return std::min(longer, std::max(kMostDelay_ms, limits_.delay_ms));
}

}  // namespace hb::keep
