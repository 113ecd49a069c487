#include "cli/emergency_log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace hb::cli {
namespace {

constexpr int kPatience_ms = 200;
constexpr time_t kLastResort_s = 1;

// Longer than a pipe takes in one piece it cannot be (pipe(7), PIPE_BUF).
using Line = std::array<char, 1024>;

// A file on a disk that hangs polls writable, and only SIGKILL ends some of the waits for it.
void kill_later() {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return;
  itimerspec when{};
  when.it_value.tv_sec = kLastResort_s;
  ::timer_settime(timer, 0, &when, nullptr);
}

// Not localtime(3), which takes a lock.
std::string_view as_json(Line& line, std::string_view message) {
  using namespace std::chrono;
  const auto now = floor<milliseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss clock(now - day);
  const auto made = fmt::format_to_n(
      line.data(), line.size(),
      R"({{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+0000","level":"critical","message":"{}"}})"
      "\n",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
      clock.seconds().count(), clock.subseconds().count(), message);
  return {line.data(), made.out};
}

std::string_view as_text(Line& line, std::string_view message) {
  const auto made = fmt::format_to_n(line.data(), line.size(), "hb-ebpf: critical: {}\n", message);
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

void end_with_line(const LogOptions& log, std::string_view message, ExitCode code) {
  kill_later();
  Line line;
  if (log.level != LogOptions::Level::Off) {
    write_once(log.format == LogOptions::Format::Json ? as_json(line, message)
                                                      : as_text(line, message));
  }
  ::_exit(static_cast<int>(code));
}

}  // namespace hb::cli
