#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/units.hpp"
#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "cli/pid_one.hpp"
#include "cli/subcommands.hpp"
#include "exec/beater.hpp"
#include "exec/check.hpp"
#include "exec/program.hpp"
#include "keep/notify_socket.hpp"
#include "transport/udp_address.hpp"

namespace hb::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kExecHelp =
    "A program that beats finds the socket in HB_SOCKET; one that speaks systemd's notify protocol is\n"
    "served with --watchdog-ms. For one that does neither, --beat-for stays its\n"
    "parent, and beats after each round of checks that all hold, as long as it lives: the agent is\n"
    "then this process, and the program ends with it. Signals are passed on; the exit code is the\n"
    "program's, and a signal that ended it ends this process too.\n"
    "Examples:\n"
    "  hb-ebpf exec -- my-agent\n"
    "  hb-ebpf exec --watchdog-ms 20000 -- my-daemon --notify\n"
    "  hb-ebpf exec --beat-for --check-tcp 8080 -- my-server\n"
    "  hb-ebpf exec --beat-for --check-file-age /run/batch/alive=30000 -- my-batch\n"
    "  hb-ebpf exec --beat-for --interval-ms 5000 --check 'redis-cli ping | grep -q PONG' -- redis-server";

struct ExecOptions {
  std::string socket = HB_AGENT_DEFAULT_SOCKET;
  std::string notify_socket;      // empty: notify.sock beside the other
  std::uint64_t watchdog_ms = 0;  // 0: the notify protocol is not spoken
  std::uint64_t start_ms = 90'000;
  bool beat_for = false;
  std::uint64_t interval_ms = 500;
  std::uint64_t check_timeout_ms = 5000;
  std::vector<std::string> commands;
  std::vector<std::string> tcp;
  std::vector<std::string> file_ages;
  exec::Argv argv;
  daemon::LogConfig log;
};

// "8080", "127.0.0.1:8080", "[::1]:8080".
Result<UdpAddress> tcp_address(const std::string& text) {
  const bool is_port = text.find_first_not_of("0123456789") == std::string::npos;
  return UdpAddress::parse(is_port ? "127.0.0.1:" + text : text);
}

struct FileAge {
  std::string path;
  milliseconds most;
};

// "PATH=N", N in milliseconds. Unset: it is not that.
std::optional<FileAge> file_age(const std::string& text) {
  const auto equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  std::uint64_t most_ms = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, most_ms);
  if (error != std::errc() || stop != end || most_ms == 0 || most_ms > kMsPerDay) {
    return std::nullopt;
  }
  return FileAge{text.substr(0, equals), milliseconds(most_ms)};
}

// The flags have let through only what can be read.
std::vector<std::unique_ptr<exec::Check>> checks_of(const ExecOptions& options) {
  std::vector<std::unique_ptr<exec::Check>> checks;
  for (const std::string& text : options.file_ages) {
    const auto age = file_age(text);
    checks.push_back(exec::check_file_age(age->path, age->most));
  }
  for (const std::string& text : options.tcp) {
    checks.push_back(exec::check_tcp(tcp_address(text).value()));
  }
  for (const std::string& command : options.commands) {
    checks.push_back(exec::check_command(command));
  }
  return checks;
}

// As the program has ended. Where the signal does not end this process, the exit code says it.
ExitCode end_like(int status) {
  daemon::end_log();
  if (WIFEXITED(status)) return static_cast<ExitCode>(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  // The program's own core is the one that matters, also to whom core_pattern pipes it.
  ::prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
  ::signal(number, SIG_DFL);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::raise(number);
  return static_cast<ExitCode>(128 + number);
}

ExitCode beat_for(const ExecOptions& options) {
  exec::BeaterConfig config{.argv = options.argv,
                            .socket = options.socket,
                            .interval = milliseconds(options.interval_ms),
                            .check_timeout = milliseconds(options.check_timeout_ms),
                            .checks = checks_of(options)};
  warn_of_pid_one();
  auto beater = exec::Beater::make(std::move(config));
  if (!beater) {
    spdlog::error("{}", beater.error().message);
    return ExitCode::Failed;
  }
  if (auto started = beater.value()->start(); !started) {
    spdlog::error("{}", started.error().message);
    return static_cast<ExitCode>(exec::not_executed(started.error().code));
  }
  daemon::never_wait_for_log();
  return end_like(beater.value()->run());
}

std::string notify_socket_of(const ExecOptions& options) {
  if (!options.notify_socket.empty()) return std::filesystem::absolute(options.notify_socket);
  return std::filesystem::path(options.socket).replace_filename("notify.sock");
}

// The observer learns how long this process may be silent, and that it has time to begin.
Result<> announce(const std::string& path, const ExecOptions& options) {
  auto socket = keep::NotifySocket::connect_to(path);
  if (!socket) return socket.error();
  const int code =
      socket.value().send(fmt::format("WATCHDOG_USEC={}\nEXTEND_TIMEOUT_USEC={}",
                                      options.watchdog_ms * kUsPerMs, options.start_ms * kUsPerMs));
  return code == 0 ? ok() : Result<>(os_error(code, path));
}

// As sd_watchdog_enabled(3) has it; this process becomes the program, so it has its pid.
void speak_notify(const ExecOptions& options) {
  const std::string path = notify_socket_of(options);
  if (const char* other = std::getenv("NOTIFY_SOCKET"); other != nullptr && path != other) {
    spdlog::info("NOTIFY_SOCKET is {} from now on: {} hears nothing of the program", path, other);
  }
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", std::to_string(options.watchdog_ms * kUsPerMs).c_str(), 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  if (const auto announced = announce(path, options); !announced) {
    spdlog::warn(
        "the observer cannot be told how long the program may be silent: {} (is it started with "
        "--notify-socket?); its own threshold holds, from the program's first message on",
        announced.error().message);
  }
}

ExitCode execute(const ExecOptions& options) {
  daemon::open_log(options.log);
  ::setenv("HB_SOCKET", options.socket.c_str(), 1);
  if (options.beat_for) return beat_for(options);
  if (options.watchdog_ms != 0) speak_notify(options);
  const int code = exec::become(options.argv);
  spdlog::error("cannot execute {}: {}", options.argv.front(), std::strerror(code));
  return static_cast<ExitCode>(exec::not_executed(code));
}

void declare_notify(CLI::App& command, ExecOptions& o) {
  CLI::Option* watchdog = add_number(
      command, "--watchdog-ms", o.watchdog_ms, 1, kMsPerDay,
      "For a program that speaks systemd's notify protocol: NOTIFY_SOCKET, WATCHDOG_USEC "
      "and WATCHDOG_PID are set, and it may be silent for so long");
  command
      .add_option("--notify-socket", o.notify_socket,
                  "The observer's --notify-socket [notify.sock beside --socket]")
      ->check(socket_path())
      ->type_name("PATH")
      ->needs(watchdog);
  add_number(command, "--start-timeout-ms", o.start_ms, 1, kMsPerDay,
             "How long it may take to its first message")
      ->needs(watchdog);
}

void declare_checks(CLI::App& command, ExecOptions& o) {
  CLI::Option* beat_for =
      command.add_flag("--beat-for", o.beat_for, "Stay its parent, and beat for it")
          ->disable_flag_override()
          ->excludes("--watchdog-ms");
  command
      .add_option("--check", o.commands, "A shell command that must end with 0 before each beat")
      ->type_name("COMMAND")
      ->take_all()
      ->allow_extra_args(false)
      ->needs(beat_for);
  command.add_option("--check-tcp", o.tcp, "A port that must accept a connection before each beat")
      ->check(CLI::Validator(
          [](std::string& text) {
            const auto address = tcp_address(text);
            return address ? std::string() : address.error().message;
          },
          ""))
      ->type_name("[IP:]PORT")
      ->take_all()
      ->allow_extra_args(false)
      ->needs(beat_for);
  command
      .add_option("--check-file-age", o.file_ages,
                  "A file that must have been changed at most N ms before each beat")
      ->check(CLI::Validator(
          [](std::string& text) {
            return file_age(text) ? std::string()
                                  : "'" + text + "' is not PATH=N, N from 1 to 86400000 (a day)";
          },
          ""))
      ->type_name("PATH=N")
      ->take_all()
      ->allow_extra_args(false)
      ->needs(beat_for);
  add_number(command, "--interval-ms", o.interval_ms, 1, kMsPerDay,
             "Interval between beats, and between rounds of checks")
      ->needs(beat_for);
  add_number(command, "--check-timeout-ms", o.check_timeout_ms, 1, kMsPerDay,
             "How long one check may take")
      ->needs(beat_for);
}

}  // namespace

void add_exec(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments) {
  CLI::App* command =
      app.add_subcommand("exec", "Start a program as an agent, or beat for one that cannot");
  const auto options = std::make_shared<ExecOptions>();
  command->add_option("--socket", options->socket, "The observer's socket")
      ->check(socket_path())
      ->type_name("PATH")
      ->envname("HB_SOCKET")
      ->capture_default_str();
  declare_notify(*command, *options);
  declare_checks(*command, *options);
  add_log_options(*command, options->log);
  command->add_option("command", options->argv, "After --: the program and its arguments")
      ->required()
      ->type_name("COMMAND");
  command->footer(kExecHelp);
  command->callback([&chosen, options, arguments] {
    options->argv = after_separator(arguments);
    // A program may change its directory, so libhb-agent takes no other.
    options->socket = std::filesystem::absolute(options->socket);
    chosen = [options] { return execute(*options); };
  });
}

}  // namespace hb::cli
