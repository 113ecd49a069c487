#include "daemon/status_member.hpp"

#include <spdlog/spdlog.h>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kPeriod_ns = kNsPerSecond;

}  // namespace

void StatusMember::tick(std::uint64_t now_ns) {
  if (!is_served() || now_ns < checked_ns_ + kPeriod_ns) return;
  checked_ns_ = now_ns;
  if (!socket_->is_lost()) return;
  if (const auto bound = bind_anew(); !bound) {
    if (bound.error().message == std::exchange(problem_, bound.error().message)) return;
    spdlog::warn(
        "the status socket has lost its path, and no new one can be bound: {}; tried again",
        problem_);
    return;
  }
  problem_.clear();
  spdlog::warn("the status socket had lost its path; a new one is bound at {}", path_);
}

// What nobody accepts from is removed, so that it is lost again.
Result<> StatusMember::bind_anew() {
  auto bound = socket_->rebind();
  if (!bound) return bound;
  bound = publisher_->serve_status(socket_->socket());
  socket_->close_socket();
  if (!bound) [[maybe_unused]]
    const auto removed = socket_->withdraw();
  return bound;
}

}  // namespace hb::daemon
