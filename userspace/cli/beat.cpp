#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "base/units.hpp"
#include "cli/beat_link.hpp"
#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "cli/pid_one.hpp"
#include "cli/subcommands.hpp"
#include "cli/udp_options.hpp"
#include "daemon/signals.hpp"
#include "observer/clock.hpp"
#include "transport/udp_address.hpp"
#include "vlp/frame.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kMaxU32 = 0xFFFFFFFF;

constexpr const char* kBeatExamples =
    "Examples:\n"
    "  hb-ebpf beat                                 # twice a second, until a signal\n"
    "  hb-ebpf beat --count 10 --interval-ms 100 --status degraded --payload 7\n"
    "  hb-ebpf beat --count 1 --claim-pid 4242      # a false claim: auth_failure\n"
    "  hb-ebpf beat --count 1 --claim-pid 4242 --forge-pid 4242   # forged SCM_CREDENTIALS too; root\n"
    "  hb-ebpf beat --udp 127.0.0.1:4711 --key-file key           # over the network, sealed";

struct BeatOptions {
  BeatRoute route;
  std::uint64_t interval_ms = 500;
  std::uint64_t count = 0;  // 0: forever
  vlp::Status status = vlp::Status::Ok;
  std::uint32_t payload = 0;
  std::optional<std::uint32_t> claimed_pid;
  bool terminal = false;
  bool with_parent = false;
  daemon::LogConfig log;
};

// Logs at most one warning a second, with the number of failures.
class Complaints {
 public:
  void add(const std::string& what, std::uint64_t now_ns) {
    ++count_;
    if (said_ns_ != 0 && now_ns - said_ns_ < kNsPerSecond) return;
    spdlog::warn("{} ({} not delivered so far)", what, count_);
    said_ns_ = now_ns;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t said_ns_ = 0;
};

// One agent's session: its frames carry a nonce that starts at 1 and, after the last legal one,
// wraps to 0.
class Session {
 public:
  Session(const BeatOptions& options, const Clock& clock, BeatLink& link)
      : options_(options), clock_(clock), link_(link) {}

  void beat() {
    send(options_.status, nonce_);
    nonce_ = nonce_ + 1 == vlp::kTerminalNonce ? 0 : nonce_ + 1;
  }

  void say_last_word() { send(vlp::Status::Critical, vlp::kTerminalNonce); }

  [[nodiscard]] std::uint64_t undelivered() const { return complaints_.count(); }

 private:
  void send(vlp::Status status, std::uint64_t nonce) {
    const std::uint64_t now_ns = clock_.now_ns();
    const auto own_pid = static_cast<std::uint32_t>(::getpid());
    const vlp::Frame frame{status, options_.claimed_pid.value_or(own_pid), now_ns, nonce,
                           options_.payload};
    const auto sent = link_.send(vlp::encode(frame));
    if (!sent) complaints_.add(sent.error().message, now_ns);
  }

  const BeatOptions& options_;
  const Clock& clock_;
  BeatLink& link_;
  std::uint64_t nonce_ = 1;
  Complaints complaints_;
};

// False: a signal came.
bool sleep_until(std::uint64_t deadline_ns, const Clock& clock, daemon::Signals& signals) {
  for (;;) {
    if (signals.next_ending()) return false;
    const std::uint64_t now_ns = clock.now_ns();
    if (now_ns >= deadline_ns) return true;
    const std::uint64_t rest_ns = deadline_ns - now_ns;
    const timespec timeout{static_cast<time_t>(rest_ns / kNsPerSecond),
                           static_cast<long>(rest_ns % kNsPerSecond)};
    pollfd polled{signals.fd(), POLLIN, 0};
    ::ppoll(&polled, 1, &timeout, nullptr);
  }
}

// Beats are due at fixed instants, so that the time of sending does not accumulate. Those that were
// missed in a pause (stopped, suspended, frozen) are left out.
std::uint64_t next_due_ns(std::uint64_t due_ns, std::uint64_t interval_ns, std::uint64_t now_ns) {
  if (interval_ns == 0) return now_ns;
  if (now_ns < due_ns) return due_ns + interval_ns;
  return now_ns + interval_ns - (now_ns - due_ns) % interval_ns;
}

void beat_on(const BeatOptions& options, const Clock& clock, daemon::Signals& signals,
             Session& session) {
  std::uint64_t due_ns = clock.now_ns();
  for (std::uint64_t sent = 0; options.count == 0 || sent < options.count; ++sent) {
    if (!sleep_until(due_ns, clock, signals)) return;
    session.beat();
    due_ns = next_due_ns(due_ns, options.interval_ms * kNsPerMs, clock.now_ns());
  }
}

// From now on SIGTERM comes when the parent ends. False: it has ended already.
bool end_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  return ::getppid() == parent;
}

ExitCode beat(const BeatOptions& options, pid_t parent) {
  auto signals = daemon::Signals::take();
  daemon::open_log(options.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) {
    spdlog::error("{}", signals.error().message);
    return ExitCode::Failed;
  }
  if (options.with_parent && !end_with_parent(parent)) return ExitCode::Success;
  if (!options.claimed_pid && options.route.udp.empty()) warn_of_pid_one();
  const auto link = open_link(options.route);
  if (!link) {
    spdlog::error("{}", link.error().message);
    return ExitCode::Usage;
  }
  const MonotonicClock clock;
  Session session(options, clock, *link.value());
  beat_on(options, clock, signals.value(), session);
  if (options.terminal) session.say_last_word();
  return options.count != 0 && session.undelivered() != 0 ? ExitCode::Failed : ExitCode::Success;
}

void declare_frame(CLI::App& command, BeatOptions& o) {
  add_choice<vlp::Status>(command, "--status", o.status,
                          {{"ok", vlp::Status::Ok},
                           {"degraded", vlp::Status::Degraded},
                           {"critical", vlp::Status::Critical}},
                          "The status in the beats [ok]");
  add_number(command, "--payload", o.payload, 0, kMaxU32,
             "A number that the observer reports unchanged");
  add_number(command, "--claim-pid", o.claimed_pid, 0, kMaxU32, "Claim to be another process");
  add_number(command, "--forge-pid", o.route.forged_pid, 1, kMaxU32 >> 1,
             "Put this pid into SCM_CREDENTIALS too; needs root");
  command.add_flag("--with-parent", o.with_parent, "End when the process that started it ends")
      ->disable_flag_override();
  command.add_flag("--terminal", o.terminal, "End with a terminal beat (status critical)")
      ->disable_flag_override();
}

void declare_route(CLI::App& command, BeatRoute& route) {
  CLI::Option* unix_socket = command.add_option("--socket", route.socket, "The observer's socket")
                                 ->check(socket_path())
                                 ->type_name("PATH")
                                 ->capture_default_str();
  command
      .add_option("--udp", route.udp,
                  "Or send over UDP to this address: 127.0.0.1:4711, [::1]:4711")
      ->check(CLI::Validator(
          [](std::string& text) {
            const auto address = UdpAddress::parse(text);
            return address ? std::string() : address.error().message;
          },
          ""))
      ->type_name("IP:PORT")
      ->excludes(unix_socket);
  declare_key_files(command, route.key_file, route.master_key_file);
}

// Checks combinations of flags.
void check_route(const BeatRoute& route) {
  const std::string key_flag = !route.key_file.empty() ? "--key-file" : "--master-key-file";
  const bool has_key = !route.key_file.empty() || !route.master_key_file.empty();
  if (has_key && route.udp.empty()) {
    throw CLI::ValidationError(key_flag, "needs --udp: frames on the Unix socket are not sealed");
  }
  if (!route.key_file.empty() && !route.master_key_file.empty()) {
    throw CLI::ValidationError(key_flag, "an agent has one key: leave out --master-key-file");
  }
  if (route.forged_pid && !route.udp.empty()) {
    throw CLI::ValidationError("--forge-pid", "needs the Unix socket: leave out --udp");
  }
}

}  // namespace

void add_beat(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("beat", "Run an agent: send beats of this process");
  const auto options = std::make_shared<BeatOptions>();
  declare_route(*command, options->route);
  add_number(*command, "--interval-ms", options->interval_ms, 0, kMsPerDay,
             "Interval between beats");
  add_number(*command, "--count", options->count, 0, ~std::uint64_t{0},
             "How many beats; 0: until a signal");
  declare_frame(*command, *options);
  add_log_options(*command, options->log);
  command->footer(kBeatExamples);
  command->callback([&chosen, options] {
    check_route(options->route);
    chosen = [options, parent = ::getppid()] { return beat(*options, parent); };
  });
}

}  // namespace hb::cli
