#include "daemon/run_loop.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>
#include <ctime>

#include "base/units.hpp"
#include "daemon/log.hpp"

namespace hb::daemon {
namespace {

constexpr std::size_t kEnding = 0;  // in polled_
constexpr std::size_t kRequests = 1;
constexpr std::size_t kFirstRoom = 2;
constexpr std::size_t kFirstSource = 4;

constexpr int kEventsPerTurn = 256;  // before signals are checked again
constexpr std::uint64_t kLastLook_ns = kNsPerSecond;
constexpr std::uint64_t kRetry_ns = 10 * kNsPerMs;

timespec as_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
}

}  // namespace

RunLoop::RunLoop(Observer& observer, const Clock& clock, std::vector<intake::PollSource> sources,
                 Signals& signals, EventSink& sink, LineWriter& out, Progress& progress,
                 const Config& config)
    : observer_(observer),
      clock_(clock),
      signals_(signals),
      sink_(sink),
      out_(out),
      progress_(progress),
      config_(config),
      polled_{pollfd{signals.fd(), POLLIN, 0}, pollfd{signals.requests_fd(), POLLIN, 0}},
      sources_(std::move(sources)),
      rooms_{RoomWatch(&out), RoomWatch(log_writer())} {
  polled_.resize(kFirstSource, {-1, POLLOUT, 0});
  for (const intake::PollSource& source : sources_) polled_.push_back({source.fd, POLLIN, 0});
}

void RunLoop::add(LoopMember& member) {
  members_.push_back(&member);
  if (member.fd() >= 0) polled_.push_back({member.fd(), POLLIN, 0});
}

ExitCode RunLoop::run() {
  for (;;) {
    wait();
    take_requests();
    if (is_told_to_end()) return ExitCode::Success;
    if (const auto end = serve_readers()) return *end;
    if (const auto end = turn()) return *end;
    warn_of_clock_jump();
    if (const auto end = tick()) return *end;
  }
}

// Reads a signalfd only if poll(2) reported it, so a wake-up for a frame costs no extra system
// call.
void RunLoop::take_requests() {
  if (polled_[kRequests].revents == 0) return;
  while (const auto request = signals_.next_request()) {
    switch (*request) {
      case Request::OpenAgain: open_again(); break;
      case Request::TellCounters:
        for (LoopMember* member : members_) member->tell_counters();
        break;
    }
  }
}

void RunLoop::open_again() {
  progress_.begin(Step::Reopening);
  bool has_files = false;
  spares_.release();
  for (LoopMember* member : members_) {
    has_files = has_files || member->has_files();
    member->reopen();
  }
  spares_.take();
  if (has_files) return;
  spdlog::info(
      "SIGHUP: there is nothing to read or open again (--config, --policy-file, --export-file, "
      "--recovery-audit-file)");
}

bool RunLoop::is_told_to_end() {
  return (polled_[kEnding].revents != 0 && takes_ending_signal()) || is_over();
}

bool RunLoop::takes_ending_signal() {
  const auto signal = signals_.next_ending();
  if (signal) spdlog::info("{}: ending", name(*signal));
  return signal.has_value();
}

bool RunLoop::is_over() {
  if (config_.end_ns == Source::kNever || clock_.now_ns() < config_.end_ns) return false;
  spdlog::info("--shutdown-after-secs has elapsed: ending");
  return true;
}

std::uint64_t RunLoop::wake_ns() const {
  std::uint64_t wake_ns = std::min(observer_.wake_ns(), config_.end_ns);
  for (const LoopMember* member : members_) wake_ns = std::min(wake_ns, member->wake_ns());
  return wake_ns;
}

// Does not poll sources before their poll_after_ns(); returns the first of these instants. After a
// failure no source is polled for a while, as the failing socket would be ready again at once.
std::uint64_t RunLoop::poll_sources(std::uint64_t now_ns) {
  std::uint64_t first_ns = Source::kNever;
  pollfd* polled = &polled_[kFirstSource];
  for (const intake::PollSource& source : sources_) {
    const std::uint64_t wanted_ns = source.source ? source.source->poll_after_ns() : 0;
    const std::uint64_t until_ns = std::max(wanted_ns, sources_poll_after_ns_);
    const bool is_paused = until_ns > now_ns;
    if (is_paused) first_ns = std::min(first_ns, until_ns);
    *polled++ = {is_paused ? -1 : source.fd, POLLIN, 0};
  }
  return first_ns;
}

void RunLoop::wait() {
  const std::uint64_t now_ns = clock_.now_ns();
  std::uint64_t until_ns = poll_sources(now_ns);
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    polled_[kFirstRoom + i] = rooms_[i].ask(now_ns);
    until_ns = std::min(until_ns, rooms_[i].wake_ns(now_ns));
  }
  until_ns = std::min(until_ns, now_ns < sources_poll_after_ns_ ? config_.end_ns : wake_ns());
  const timespec timeout = as_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
  const auto* limit = until_ns == Source::kNever ? nullptr : &timeout;
  progress_.begin(Step::Sleeping);
  const bool named = ::ppoll(polled_.data(), polled_.size(), limit, nullptr) >= 0;
  progress_.begin(Step::Receiving);
  if (named) return empty_epolls();
  for (pollfd& polled : polled_) polled.revents = 0;  // EINTR: revents were not set
}

void RunLoop::empty_epolls() {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const pollfd& polled = polled_[kFirstSource + i];
    epoll_event event{};
    if (sources_[i].is_epoll && polled.revents != 0) ::epoll_wait(polled.fd, &event, 1, 0);
  }
}

void RunLoop::warn_of_clock_jump() {
  const auto jump = observer_.take_clock_jump();
  if (!jump) return;
  spdlog::warn(
      "did not run for {}.{:03} s (stopped, suspended, or the machine was paused): unless agents "
      "kept sending in that time, no agent is reported as silent before one more threshold has "
      "passed",
      jump->gap_ns / kNsPerSecond, jump->gap_ns % kNsPerSecond / kNsPerMs);
}

std::optional<ExitCode> RunLoop::tick() {
  if (members_.empty()) return std::nullopt;
  const std::uint64_t now_ns = clock_.now_ns();
  for (LoopMember* member : members_) {
    progress_.begin(member->step());
    member->tick(now_ns);
    if (const auto end = member->ends_with()) return end;
  }
  return std::nullopt;
}

void RunLoop::tell(const Event& event) {
  if (is_shown(event, config_.beats)) {
    progress_.begin(Step::WritingStream);
    sink_.write(event);
  }
  for (LoopMember* member : members_) {
    progress_.begin(member->step());
    member->handle(event);
  }
}

std::optional<ExitCode> RunLoop::turn() {
  for (int i = 0; i < kEventsPerTurn; ++i) {
    progress_.begin(Step::Receiving);
    const auto event = observer_.poll();
    if (!event) return std::nullopt;
    if (const auto end = handle(*event)) return end;
    if (std::holds_alternative<Io>(*event)) {
      sources_poll_after_ns_ = clock_.now_ns() + kRetry_ns;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<ExitCode> RunLoop::handle(const Event& event) {
  tell(event);
  if (const auto end = end_without_reader()) return end;
  if (config_.strict_namespace && std::holds_alternative<NamespaceConflict>(event)) {
    spdlog::error("--strict-namespace-check: an agent of another PID namespace: ending");
    return ExitCode::StrictNamespace;
  }
  return std::nullopt;
}

// Writes what is buffered for the readers of the stream and of the log, and reports lost lines.
std::optional<ExitCode> RunLoop::serve_readers() {
  for (std::size_t i = 0; i < rooms_.size(); ++i) rooms_[i].take(polled_[kFirstRoom + i], clock_);
  return end_without_reader();
}

std::optional<ExitCode> RunLoop::end_without_reader() {
  if (const auto problem = out_.take_problem()) spdlog::error("{}", problem->message);
  if (out_.closed()) {
    // A signal may have ended the wait for the reader before poll(2) reported it.
    if (takes_ending_signal() || is_over()) return ExitCode::Success;
    spdlog::error("the reader of the event stream is gone: ending (--events none needs no reader)");
    return ExitCode::Failed;
  }
  if (config_.end_when_stream_is_full && out_.lost() > 0) {
    spdlog::error(
        "the event stream is full, its reader does not keep up: ending (--when-stdout-is-full end; "
        "with drop, lines are lost and counted instead)");
    return ExitCode::Failed;
  }
  return std::nullopt;
}

// Bounded, as agents that are still connected may go on sending.
void RunLoop::finish() {
  const std::uint64_t deadline_ns = clock_.now_ns() + kLastLook_ns;
  while (clock_.now_ns() < deadline_ns) {
    progress_.begin(Step::Ending);
    const auto event = observer_.poll();
    if (!event || std::holds_alternative<Io>(*event)) return;
    tell(*event);
  }
}

}  // namespace hb::daemon
