#include "cli/run_loop.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>

namespace hb::cli {
namespace {

constexpr int kEventsPerTurn = 256;  // between two looks at the signals
constexpr std::uint64_t kLastLook_ns = 1'000'000'000;
constexpr std::uint64_t kRest_ns = 10'000'000;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;

timespec as_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
}

}  // namespace

RunLoop::RunLoop(Observer& observer, const Clock& clock, const std::vector<int>& intake_fds,
                 Signals& signals, EventSink& sink, LineWriter& out, const Config& config)
    : observer_(observer),
      clock_(clock),
      signals_(signals),
      sink_(sink),
      out_(out),
      config_(config),
      polled_{pollfd{signals.fd(), POLLIN, 0}},
      intakes_(intake_fds.size()) {
  for (const int fd : intake_fds) polled_.push_back({fd, POLLIN, 0});
}

void RunLoop::add(LoopMember& member) {
  members_.push_back(&member);
  if (member.fd() < 0) return;
  polled_.insert(polled_.end() - static_cast<std::ptrdiff_t>(intakes_), {member.fd(), POLLIN, 0});
}

ExitCode RunLoop::run() {
  for (;;) {
    wait();
    if (is_told_to_end()) return ExitCode::Success;
    if (const auto end = turn()) return *end;
    warn_of_clock_jump();
    tick();
  }
}

bool RunLoop::is_told_to_end() {
  if (const char* signal = signals_.next()) {
    spdlog::info("{}: ending", signal);
    return true;
  }
  if (clock_.now_ns() < config_.end_ns) return false;
  spdlog::info("the time given by --shutdown-after-secs is over: ending");
  return true;
}

std::uint64_t RunLoop::wake_ns() const {
  std::uint64_t wake_ns = std::min(observer_.wake_ns(), config_.end_ns);
  for (const LoopMember* member : members_) wake_ns = std::min(wake_ns, member->wake_ns());
  return wake_ns;
}

// A socket that fails would be ready again at once: it rests, so that we do not spin on it.
void RunLoop::wait() {
  const std::uint64_t now_ns = clock_.now_ns();
  const bool resting = now_ns < intake_rests_until_ns_;
  const std::uint64_t until_ns =
      resting ? std::min(intake_rests_until_ns_, config_.end_ns) : wake_ns();
  const std::size_t asked = polled_.size() - (resting ? intakes_ : 0);
  const timespec timeout = as_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
  ::ppoll(polled_.data(), asked, until_ns == Source::kNever ? nullptr : &timeout, nullptr);
}

void RunLoop::warn_of_clock_jump() {
  const auto jump = observer_.take_clock_jump();
  if (!jump) return;
  spdlog::warn(
      "did not run for {}.{:03} s (stopped, suspended, or the machine was paused): nobody is "
      "called "
      "silent before one more threshold has passed",
      jump->gap_ns / kNsPerSecond, jump->gap_ns % kNsPerSecond / kNsPerMs);
}

void RunLoop::tick() {
  const std::uint64_t now_ns = clock_.now_ns();
  for (LoopMember* member : members_) member->tick(now_ns);
}

void RunLoop::tell(const Event& event) {
  if (is_shown(event, config_.beats)) sink_.write(event);
  for (LoopMember* member : members_) member->handle(event);
}

std::optional<ExitCode> RunLoop::turn() {
  for (int i = 0; i < kEventsPerTurn; ++i) {
    const auto event = observer_.poll();
    if (!event) return std::nullopt;
    if (const auto end = handle(*event)) return end;
    if (std::holds_alternative<Io>(*event)) {
      intake_rests_until_ns_ = clock_.now_ns() + kRest_ns;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<ExitCode> RunLoop::handle(const Event& event) {
  tell(event);
  if (const auto problem = out_.take_problem()) spdlog::error("{}", problem->message);
  if (out_.closed()) {
    if (is_told_to_end()) return ExitCode::Success;  // that is why nobody was waited for
    spdlog::error("nobody reads the event stream any more: ending (--events none needs no reader)");
    return ExitCode::Failed;
  }
  if (config_.strict_namespace && std::holds_alternative<NamespaceConflict>(event)) {
    spdlog::error("--strict-namespace-check: an agent of another PID namespace: ending");
    return ExitCode::StrictNamespace;
  }
  return std::nullopt;
}

// Whoever is still connected may go on sending: a time bounds it.
void RunLoop::finish() {
  const std::uint64_t deadline_ns = clock_.now_ns() + kLastLook_ns;
  while (clock_.now_ns() < deadline_ns) {
    const auto event = observer_.poll();
    if (!event || std::holds_alternative<Io>(*event)) return;
    tell(*event);
  }
}

}  // namespace hb::cli
