#include "recovery/forked_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "observer/clock.hpp"
#include "observer/source.hpp"

namespace hb {
namespace {

using Kind = CommandReport::Kind;

// Beyond the process's own deadlines: only one that is stopped itself takes so long.
constexpr std::uint64_t kMorePatience_ns = 5 * kNsPerSecond;
constexpr std::uint64_t kIdleLook_ns = 10 * kNsPerMs;

// Until there is something to read, or the time has come.
void wait_for(const Fd& socket, std::uint64_t now_ns, std::uint64_t until_ns) {
  if (until_ns <= now_ns) return;
  const std::uint64_t rest_ns = until_ns - now_ns;
  const timespec timeout{static_cast<time_t>(rest_ns / kNsPerSecond),
                         static_cast<long>(rest_ns % kNsPerSecond)};
  pollfd polled{socket.get(), POLLIN, 0};
  ::ppoll(&polled, 1, &timeout, nullptr);
}

CommandRequest request_for(const RecoveryTarget& target) {
  CommandRequest request;
  request.words = target.step.command()->words();
  request.wait_ns = target.step.wait_ns;
  request.attempt = target.attempt;
  request.cgroup = target.service.cgroup;
  request.stall = target.stall;
  return request;
}

Error not_answered() {
  return {"the command process has not answered within " +
              std::to_string(ForkedRunner::kPatience_ns / kNsPerSecond) + " s",
          ETIMEDOUT};
}

Error too_long() {
  return {"the command is longer than " + std::to_string(kLongestCommandMessage_bytes >> 10) +
              " KiB, with what is told of the agent",
          E2BIG};
}

Error process_has_ended() {
  return {"the command process has ended: no command can be run until the observer is restarted",
          EPIPE};
}

}  // namespace

Result<std::unique_ptr<ForkedRunner>> ForkedRunner::open(const CommandProcessConfig& config) {
  int ends[2] = {-1, -1};
  const int paired = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  const int code = errno;
  if (paired != 0) return os_error(code, "cannot start the command process (socketpair)");
  Fd ours(ends[0]);
  Fd its(ends[1]);
  auto epoll = watch_socket(ours, "command process");
  if (!epoll) return epoll.error();
  auto process = ForkedProcess::start([&] { run_command_process(std::move(its), config); });
  if (!process) return process.error();
  its.reset();
  std::unique_ptr<ForkedRunner> runner(new ForkedRunner(config, std::move(process).value(),
                                                        std::move(ours), std::move(epoll).value()));
  if (auto ready = runner->wait_until_ready(); !ready) return ready.error();
  return runner;
}

ForkedRunner::ForkedRunner(const CommandProcessConfig& config, ForkedProcess process, Fd socket,
                           Fd epoll)
    : warn_(config.runner.warn),
      timeout_ns_(config.runner.timeout_ns),
      term_grace_ns_(config.runner.term_grace_ns),
      output_bytes_(config.runner.output_bytes),
      max_running_(config.runner.max_running),
      socket_(std::move(socket)),
      process_(std::move(process)),
      epoll_(std::move(epoll)),
      message_(kLongestCommandMessage_bytes, '\0') {
  running_.reserve(max_running_);
}

ForkedRunner::~ForkedRunner() {
  kill_all();
  socket_.reset();
}

// The first word of the process, which is the only one that is waited for.
Result<> ForkedRunner::wait_until_ready() {
  for (;;) {
    wait_for(socket_, 0, Source::kNever);
    auto report = receive();
    if (!report && !socket_) return Error{"the command process ended at its start"};
    if (!report) continue;
    if (report->kind == Kind::Ready) is_ready_ = true;
    if (report->kind == Kind::Ready) return ok();
    if (report->kind == Kind::Problem) return Error{report->text, report->code};
    handle(std::move(*report));
  }
}

bool ForkedRunner::is_running_for(const ProcessKey& process) const {
  const auto is_for = [&](const Running& one) { return process_of(one.stall) == process; };
  return (unanswered_ && is_for(*unanswered_)) ||
         std::any_of(running_.begin(), running_.end(), is_for);
}

std::uint64_t ForkedRunner::give_up_ns(std::uint64_t now_ns, std::uint64_t wait_ns) const {
  return now_ns + (wait_ns != 0 ? wait_ns : timeout_ns_) + term_grace_ns_ + kMorePatience_ns;
}

Result<pid_t> ForkedRunner::start(const RecoveryTarget& target,
                                  std::optional<std::uint32_t> uid_now, std::uint64_t now_ns) {
  CommandRequest request = request_for(target);
  request.id = ++last_id_;
  request.deadline_ns = now_ns + kPatience_ns;
  request.uid_now = uid_now;
  if (!socket_) return process_has_ended();
  if (!encode(request)) return too_long();
  if (!send(request)) return socket_ ? not_answered() : process_has_ended();
  unanswered_ = Running{request.id, target.stall, 0, give_up_ns(now_ns, request.wait_ns)};
  return wait_for_answer(request.id, request.deadline_ns);
}

// What else comes meanwhile is kept for take().
Result<pid_t> ForkedRunner::wait_for_answer(std::uint64_t id, std::uint64_t until_ns) {
  const MonotonicClock clock;
  for (;;) {
    auto report = receive();
    if (!socket_) return process_has_ended();
    if (!report) {
      const std::uint64_t now_ns = clock.now_ns();
      if (now_ns >= until_ns) return not_answered();
      wait_for(socket_, now_ns, until_ns);
      continue;
    }
    const bool is_answer =
        report->id == id && (report->kind == Kind::Started || report->kind == Kind::NotStarted);
    const bool has_started = report->kind == Kind::Started;
    const pid_t pid = report->pid;
    Error error{report->text, report->code};
    handle(std::move(*report));
    if (!is_answer) continue;
    if (has_started) return pid;
    return error;
  }
}

bool ForkedRunner::send(const CommandRequest& request) {
  const auto message = encode(request);
  if (!message || !socket_) return false;
  ssize_t sent = -1;
  int code = EINTR;
  while (sent < 0 && code == EINTR) {
    sent = ::send(socket_.get(), message->data(), message->size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    code = errno;
  }
  if (sent < 0 && code != EAGAIN) lose_process();
  return sent >= 0;
}

// nullopt: there is none now.
std::optional<CommandReport> ForkedRunner::receive() {
  while (socket_) {
    const ssize_t length = ::recv(socket_.get(), message_.data(), message_.size(), MSG_DONTWAIT);
    const int code = errno;
    if (length < 0 && code == EINTR) continue;
    if (length < 0 && code == EAGAIN) return std::nullopt;
    if (length <= 0) break;
    auto report =
        decode_report(std::string_view(message_.data(), static_cast<std::size_t>(length)));
    if (report) return report;
  }
  if (socket_) lose_process();
  return std::nullopt;
}

void ForkedRunner::handle(CommandReport report) {
  if (report.kind == Kind::Warning) return warn(report.text);
  if (report.kind == Kind::Started) return begin(report);
  if (report.kind == Kind::NotStarted) {
    if (unanswered_ && unanswered_->id == report.id) unanswered_.reset();
    return;
  }
  const auto known = std::find_if(running_.begin(), running_.end(),
                                  [&](const Running& one) { return one.id == report.id; });
  if (known == running_.end()) return;  // it was given up
  if (report.kind == Kind::Output) {
    known->output += report.text.substr(0, output_bytes_ - known->output.size());
  } else if (report.kind == Kind::Ended) {
    end(static_cast<std::size_t>(known - running_.begin()),
        {known->stall, known->pid, report.why, report.exit, std::move(known->output),
         report.discarded_bytes});
  }
}

void ForkedRunner::begin(const CommandReport& report) {
  if (!unanswered_ || unanswered_->id != report.id) return;
  unanswered_->pid = report.pid;
  running_.push_back(std::move(*unanswered_));
  unanswered_.reset();
}

void ForkedRunner::end(std::size_t index, EndedCommand ended) {
  ended_.push_back(std::move(ended));
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
}

void ForkedRunner::end_as_lost(std::size_t index) {
  Running& one = running_[index];
  end(index, {one.stall, one.pid, EndedCommand::Why::Lost, {}, std::move(one.output), 0});
}

// fd() is never readable again.
void ForkedRunner::lose_process() {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_.reset();
  unanswered_.reset();
  while (!running_.empty()) end_as_lost(0);
  if (is_ready_) warn(process_has_ended().message);
}

std::uint64_t ForkedRunner::wake_ns() const {
  if (!ended_.empty()) return 0;
  std::uint64_t wake_ns = Source::kNever;
  for (const Running& one : running_) wake_ns = std::min(wake_ns, one.give_up_ns);
  return wake_ns;
}

void ForkedRunner::look(std::uint64_t now_ns) {
  if (is_lost()) return process_.reap_if_ended();
  if (running_.empty() && !unanswered_) {
    // Nothing is expected but the end of the process: no system call for each turn of the loop.
    if (now_ns < idle_look_ns_) return;
    idle_look_ns_ = now_ns + kIdleLook_ns;
  }
  while (auto report = receive()) handle(std::move(*report));
  for (std::size_t i = running_.size(); i-- > 0;) {
    if (now_ns >= running_[i].give_up_ns) end_as_lost(i);
  }
}

std::optional<EndedCommand> ForkedRunner::take() {
  if (ended_.empty()) return std::nullopt;
  EndedCommand first = std::move(ended_.front());
  ended_.pop_front();
  return first;
}

void ForkedRunner::kill_all() {
  CommandRequest request;
  request.kind = CommandRequest::Kind::KillAll;
  send(request);
}

void ForkedRunner::read_policies_again() {
  CommandRequest request;
  request.kind = CommandRequest::Kind::ReadPolicies;
  if (socket_ && !send(request)) warn("the command process does not hear of the new policies");
}

void ForkedRunner::warn(const std::string& text) const {
  if (warn_) warn_({text});
}

}  // namespace hb
