#include "cli/run_loop.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace hb::cli {
namespace {

constexpr int kEventsPerTurn = 256;  // between two looks at the signals
constexpr std::uint64_t kRest_ns = 10'000'000;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

timespec as_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
}

}  // namespace

RunLoop::RunLoop(Observer& observer, const Clock& clock, int socket_fd, Signals& signals,
                 EventSink& sink, LineWriter& out, const Config& config)
    : observer_(observer),
      clock_(clock),
      socket_fd_(socket_fd),
      signals_(signals),
      sink_(sink),
      out_(out),
      config_(config) {}

ExitCode RunLoop::run() {
  for (;;) {
    wait();
    if (is_told_to_end()) return ExitCode::Success;
    if (const auto end = turn()) return *end;
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

// A socket that fails would be ready again at once: it rests, so that we do not spin on it.
void RunLoop::wait() {
  const std::uint64_t now_ns = clock_.now_ns();
  const bool resting = now_ns < socket_rests_until_ns_;
  const std::uint64_t wake_ns = resting ? socket_rests_until_ns_ : observer_.wake_ns();
  const std::uint64_t until_ns = std::min(wake_ns, config_.end_ns);
  std::array<pollfd, 2> polled{pollfd{signals_.fd(), POLLIN, 0},
                               pollfd{resting ? -1 : socket_fd_, POLLIN, 0}};
  const timespec timeout = as_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
  ::ppoll(polled.data(), polled.size(), until_ns == Source::kNever ? nullptr : &timeout, nullptr);
}

std::optional<ExitCode> RunLoop::turn() {
  for (int i = 0; i < kEventsPerTurn; ++i) {
    const auto event = observer_.poll();
    if (!event) return std::nullopt;
    if (const auto end = handle(*event)) return end;
    if (std::holds_alternative<Io>(*event)) {
      socket_rests_until_ns_ = clock_.now_ns() + kRest_ns;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<ExitCode> RunLoop::handle(const Event& event) {
  if (is_shown(event, config_.beats)) sink_.write(event);
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

void RunLoop::finish() {
  for (int i = 0; i < kEventsPerTurn; ++i) {
    const auto event = observer_.poll();
    if (!event || std::holds_alternative<Io>(*event)) return;
    if (is_shown(*event, config_.beats)) sink_.write(*event);
  }
}

}  // namespace hb::cli
