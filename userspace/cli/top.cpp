#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "base/units.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "daemon/signals.hpp"
#include "status/parse_status.hpp"
#include "status/screen.hpp"
#include "status/status_fetch.hpp"
#include "status/top_view.hpp"

namespace hb::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kShortestInterval_ms = 100;  // each document costs the observer something
constexpr milliseconds kPatience{5000};

constexpr const char* kKeys =
    "Keys: q quit; space pause; / filter by text; arrows, page up and down, home, end scroll.\n"
    "Order: a age of the last beat, r rate, p pid, e service, t stalls, c comm; again: reversed.\n"
    "Examples:\n"
    "  hb-ebpf top\n"
    "  hb-ebpf top --interval-ms 200 --status-socket /run/other/status.sock";

struct TopOptions {
  std::string socket = status::kDefaultStatusSocket;
  std::uint64_t interval_ms = 1000;
};

// Fetches a document every interval, one at a time, without ever blocking. Tells the view.
class Fetches {
 public:
  Fetches(const TopOptions& options, status::TopView& view)
      : socket_(options.socket), interval_(options.interval_ms), view_(view) {}

  // -1: none is on its way.
  [[nodiscard]] int fd() const { return fetch_ ? fetch_->fd() : -1; }

  // Begins one when it is due, and reads what has come; drops it in a pause. True: the view has
  // changed.
  bool advance() {
    if (view_.is_paused()) {
      fetch_.reset();
      return false;
    }
    const auto now = Clock::now();
    if (!fetch_ && now < due_) return false;
    if (!fetch_) return begin(now);
    const auto complete = fetch_->advance();
    if (!complete) return end(complete.error());
    if (complete.value()) return end(status::parse_status(fetch_->text()));
    return now >= due_ + kPatience && end(status::no_answer(socket_, kPatience));
  }

  // When advance() is to be called, whatever fd() says; -1: not before a key is pressed.
  [[nodiscard]] int timeout_ms() const {
    if (view_.is_paused()) return -1;
    const auto at = fetch_ ? due_ + kPatience : due_;
    const auto left = std::chrono::ceil<milliseconds>(at - Clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

 private:
  bool begin(Clock::time_point now) {
    due_ = now;  // from here on: when it was begun
    auto begun = status::StatusFetch::begin(socket_);
    if (!begun) return end(begun.error());
    fetch_.emplace(std::move(begun).value());
    return false;
  }

  bool end(Result<status::StatusDocument> document) {
    fetch_.reset();
    due_ += interval_;
    // After a pause in which nothing was due.
    due_ = std::max(due_, Clock::now());
    if (document) {
      view_.take(std::move(document).value());
    } else {
      view_.lose(document.error().message);
    }
    return true;
  }

  const std::string socket_;
  const milliseconds interval_;
  status::TopView& view_;
  std::optional<status::StatusFetch> fetch_;
  Clock::time_point due_ = Clock::now();  // of the next, or when the present one was begun
};

// Until a key or a signal ends it. False: the terminal is gone.
bool show(status::Screen& screen, status::TopView& view, Fetches& fetches,
          daemon::Signals& signals) {
  screen.draw(view.lines());
  while (!view.is_over()) {
    pollfd polled[] = {{STDIN_FILENO, POLLIN, 0},
                       {signals.fd(), POLLIN, 0},
                       {screen.resizes_fd(), POLLIN, 0},
                       {fetches.fd(), POLLIN, 0}};
    ::poll(polled, std::size(polled), fetches.timeout_ms());
    if (signals.next_ending()) return true;
    if ((polled[0].revents & (POLLHUP | POLLERR)) != 0) return false;
    bool is_changed = false;
    if (polled[2].revents != 0) {
      screen.take_resize();
      view.resize(screen.size());
      is_changed = true;
    }
    while (const auto key = screen.next_key()) {
      view.press(*key);
      is_changed = true;
    }
    if (fetches.advance()) is_changed = true;
    if (is_changed) screen.draw(view.lines());
  }
  return true;
}

ExitCode top(const TopOptions& options) {
  auto signals = daemon::Signals::take();
  if (!signals) {
    std::cerr << "hb-ebpf: " << signals.error().message << '\n';
    return ExitCode::Failed;
  }
  auto screen = status::Screen::open();
  if (!screen) {
    std::cerr << "hb-ebpf: " << screen.error().message << '\n';
    return ExitCode::Usage;
  }
  status::TopView view(screen.value()->size());
  Fetches fetches(options, view);
  const bool is_ended = show(*screen.value(), view, fetches, signals.value());
  return is_ended ? ExitCode::Success : ExitCode::Failed;
}

}  // namespace

void add_top(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("top", "Watch the running observer: services and agents, live");
  const auto options = std::make_shared<TopOptions>();
  add_status_socket(*command, options->socket);
  add_number(*command, "--interval-ms", options->interval_ms, kShortestInterval_ms, kMsPerDay,
             "How often the observer is asked");
  command->footer(kKeys);
  command->callback([&chosen, options] { chosen = [options] { return top(*options); }; });
}

}  // namespace hb::cli
