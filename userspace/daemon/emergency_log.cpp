#include "daemon/emergency_log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace hb::daemon {
namespace {

constexpr int kPatience_ms = 200;
constexpr time_t kLastResort_s = 1;

// At most PIPE_BUF, so that a pipe takes it atomically (pipe(7)).
using Line = std::array<char, 1024>;

// Sends SIGKILL to this process if the write takes too long: a file on a hung disk polls as
// writable, and some of these waits can only be ended by SIGKILL.
class LastResort {
 public:
  LastResort() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    armed_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    itimerspec when{};
    when.it_value.tv_sec = kLastResort_s;
    if (armed_) ::timer_settime(timer_, 0, &when, nullptr);
  }
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;
  ~LastResort() {
    if (armed_) ::timer_delete(timer_);
  }

 private:
  timer_t timer_{};
  bool armed_ = false;
};

// Not localtime(3), which takes a lock.
std::string_view as_json(Line& line, std::string_view priority, std::string_view message) {
  using std::chrono::days, std::chrono::floor, std::chrono::milliseconds;
  const auto now = floor<milliseconds>(std::chrono::system_clock::now());
  const auto day = floor<days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(now - day);
  const auto made = fmt::format_to_n(
      line.data(), line.size(),
      R"({}{{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+0000","level":"critical","message":"{}"}})"
      "\n",
      priority, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
      clock.seconds().count(), clock.subseconds().count(), message);
  return {line.data(), made.out};
}

std::string_view as_text(Line& line, std::string_view priority, std::string_view message) {
  const auto made =
      fmt::format_to_n(line.data(), line.size(), "{}hb-ebpf: critical: {}\n", priority, message);
  return {line.data(), made.out};
}

bool takes_more() {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, kPatience_ms) > 0 && (out.revents & POLLOUT) != 0;
}

void write_once(std::string_view text) {
  if (takes_more() && ::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

}  // namespace

void end_with_line(const LogConfig& log, std::string_view message, ExitCode code) {
  if (log.level != LogConfig::Level::Off) {
    const LastResort last_resort;
    Line line;
    const std::string_view priority = log.has_priorities ? "<2>" : "";
    write_once(log.format == LogConfig::Format::Json ? as_json(line, priority, message)
                                                     : as_text(line, priority, message));
  }
  ::_exit(static_cast<int>(code));
}

}  // namespace hb::daemon
