#include "recovery/command_process.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "recovery/cgroup_services.hpp"
#include "recovery/command_environment.hpp"
#include "recovery/command_wire.hpp"
#include "recovery/forked_process.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {
namespace {

using Kind = CommandReport::Kind;

constexpr std::size_t kMostUnsent = 64;  // messages; no request is taken while there are more

// As the services of the loop have it: what a process is that no cgroup places.
ServiceFacts facts_of(const CommandRequest& request) {
  auto facts = request.cgroup ? service_of_cgroup(*request.cgroup) : std::nullopt;
  if (facts) return std::move(*facts);
  ServiceFacts alone;
  alone.name = "process " + std::to_string(request.stall.pid);
  return alone;
}

// The step of one of the policies that has this command, for this service.
const Step* find_step(const Policies& policies, const CommandRequest& request,
                      const ServiceFacts& facts) {
  for (const auto& policy : policies.all()) {
    if (!policy->match.matches_but_for_comm(facts, {request.stall.uid, request.stall.comm})) {
      continue;
    }
    for (const Step& step : policy->steps) {
      const CommandLine* command = step.command();
      if (command == nullptr || step.wait_ns != request.wait_ns) continue;
      if (command->words() == request.words) return &step;
    }
  }
  return nullptr;
}

CommandReport report_of(Kind kind, std::uint64_t id, std::string text = {}, int code = 0) {
  CommandReport report;
  report.kind = kind;
  report.id = id;
  report.code = code;
  report.text = std::move(text);
  return report;
}

// Instead of Ready.
[[noreturn]] void give_up(const Fd& socket, const Error& error) {
  const std::string message = encode(report_of(Kind::Problem, 0, error.message, error.code));
  ::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL);
  ::_exit(1);
}

class CommandProcess {
 public:
  CommandProcess(Fd socket, const CommandProcessConfig& config)
      : socket_(std::move(socket)),
        config_(config),
        environment_(with_path(config.environment)),
        policies_(config.policies) {}

  [[noreturn]] void run() {
    if (auto opened = open(); !opened) give_up(socket_, opened.error());
    queue(report_of(Kind::Ready, 0));
    while (socket_ || runner_->running() > 0) {
      flush();
      wait();
      report_ended();
      take_requests();
    }
    runner_.reset();  // of what is left behind, as much is removed as can be
    ::_exit(0);
  }

 private:
  // While privileged.
  Result<> open() {
    CommandRunner::Config config = config_.runner;
    config.warn = [this](const Error& error) { queue(report_of(Kind::Warning, 0, error.message)); };
    auto opened = CommandRunner::open(config);
    if (!opened) return opened.error();
    runner_ = std::move(opened).value();
    return config_.drop_privileges ? config_.drop_privileges() : ok();
  }

  void wait() const {
    const short wanted = static_cast<short>((unsent_.size() < kMostUnsent ? POLLIN : 0) |
                                            (unsent_.empty() ? 0 : POLLOUT));
    pollfd polled[] = {{socket_ ? socket_.get() : -1, wanted, 0}, {runner_->fd(), POLLIN, 0}};
    ::poll(polled, 2, rest_ms());
  }

  [[nodiscard]] int rest_ms() const {
    const std::uint64_t now_ns = clock_.now_ns();
    const std::uint64_t wake_ns = runner_->wake_ns();
    if (wake_ns <= now_ns) return 0;
    return static_cast<int>(std::min<std::uint64_t>((wake_ns - now_ns) / kNsPerMs + 1, INT_MAX));
  }

  void take_requests() {
    while (socket_ && unsent_.size() < kMostUnsent) {
      const ssize_t length =
          ::recv(socket_.get(), message_.data(), message_.size(), MSG_DONTWAIT | MSG_TRUNC);
      const int code = errno;
      if (length < 0 && code == EINTR) continue;
      if (length < 0 && code == EAGAIN) return;
      if (length <= 0) return lose_observer();
      take(static_cast<std::size_t>(length));
    }
  }

  void take(std::size_t length) {
    const auto request = length <= message_.size()
                             ? decode_request(std::string_view(message_.data(), length))
                             : std::nullopt;
    if (!request) return warn("it was asked for something that no observer asks for");
    switch (request->kind) {
      case CommandRequest::Kind::Start: return start(*request);
      case CommandRequest::Kind::ReadPolicies: return read_policies();
      case CommandRequest::Kind::KillAll: return runner_->kill_all();
    }
  }

  void start(const CommandRequest& request) {
    auto started = try_to_start(request);
    if (!started) {
      const Error& error = started.error();
      return queue(report_of(Kind::NotStarted, request.id, error.message, error.code));
    }
    ids_.push_back({started.value(), request.id});
    CommandReport report = report_of(Kind::Started, request.id);
    report.pid = started.value();
    queue(report);
  }

  Result<pid_t> try_to_start(const CommandRequest& request) {
    const ServiceFacts facts = facts_of(request);
    const Step* step = find_step(policies_, request, facts);
    if (step == nullptr) step = find_step(policies_before_, request, facts);
    if (step == nullptr) {
      return Error{"no policy has this command for " + facts.name +
                   ": if the policy file was changed, send SIGHUP to the observer once more"};
    }
    if (!runner_->has_room()) return Error{"as many commands run as may"};
    const std::uint64_t now_ns = clock_.now_ns();
    if (now_ns >= request.deadline_ns) return Error{"it was asked for too late", ETIMEDOUT};
    const RecoveryTarget target{request.stall, facts, *step, request.attempt};
    const auto argv = step->command()->argv_for(target);
    if (!argv) return Error{"something that the command names is not known"};
    return runner_->start(*argv, environment_for(environment_, target, request.uid_now),
                          request.stall, now_ns, step->wait_ns);
  }

  // Those of before are what the loop goes by until a service is well again.
  void read_policies() {
    if (!config_.read_policies) return;
    auto read = config_.read_policies();
    if (!read) return warn(read.error().message);
    policies_before_ = std::exchange(policies_, std::move(read).value());
  }

  void report_ended() {
    runner_->look(clock_.now_ns());
    while (auto ended = runner_->take()) report(*ended);
  }

  void report(const EndedCommand& ended) {
    const auto known = std::find_if(ids_.begin(), ids_.end(),
                                    [&](const auto& one) { return one.pid == ended.pid; });
    if (known == ids_.end()) return;
    for (std::size_t at = 0; at < ended.output.size(); at += kOutputPart_bytes) {
      queue(report_of(Kind::Output, known->id, ended.output.substr(at, kOutputPart_bytes)));
    }
    CommandReport report = report_of(Kind::Ended, known->id);
    report.pid = ended.pid;
    report.why = ended.why;
    report.exit = ended.exit;
    report.discarded_bytes = ended.discarded_bytes;
    ids_.erase(known);
    queue(report);
  }

  void warn(const std::string& text) { queue(report_of(Kind::Warning, 0, text)); }
  void queue(const CommandReport& report) {
    if (socket_) unsent_.push_back(encode(report));
  }

  void flush() {
    while (socket_ && !unsent_.empty()) {
      const std::string& first = unsent_.front();
      const ssize_t sent =
          ::send(socket_.get(), first.data(), first.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      const int code = errno;
      if (sent < 0 && code == EINTR) continue;
      if (sent < 0 && code == EAGAIN) return;
      if (sent < 0) return lose_observer();
      unsent_.pop_front();
    }
  }

  void lose_observer() {
    socket_.reset();
    unsent_.clear();
  }

  struct Running {
    pid_t pid;
    std::uint64_t id;
  };

  Fd socket_;  // closed: the observer has ended
  const CommandProcessConfig& config_;
  const std::vector<std::string> environment_;
  const MonotonicClock clock_;
  Policies policies_;
  Policies policies_before_;
  std::unique_ptr<CommandRunner> runner_;
  std::vector<Running> ids_;
  std::deque<std::string> unsent_;
  std::string message_ = std::string(kLongestCommandMessage_bytes, '\0');
};

}  // namespace

void run_command_process(Fd socket, const CommandProcessConfig& config) {
  if (auto detached = detach_from_parent("hb-ebpf-command", {&socket}); !detached) {
    give_up(socket, detached.error());
  }
  CommandProcess(std::move(socket), config).run();
}

}  // namespace hb
