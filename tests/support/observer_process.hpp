// ObserverProcess: `hb-ebpf run` with a JSON event stream, ready to be sent to.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/ordinary_user.hpp"
#include "tests/support/passed_socket.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

// For an observer whose saved group id is not its own: LeakSanitizer looks at the process by
// ptrace(2), which that forbids.
inline void leave_out_leak_check() {
  const char* before = std::getenv("ASAN_OPTIONS");
  const std::string options = before != nullptr ? std::string(before) + ":" : "";
  ::setenv("ASAN_OPTIONS", (options + "detect_leaks=0").c_str(), 1);
}

using Json = nlohmann::ordered_json;

class ObserverProcess {
 public:
  // Started with --socket, --events json and `more`; returns when it is ready.
  explicit ObserverProcess(const std::string& socket, const Argv& more = {}) : socket_(socket) {
    process_ = std::make_unique<Process>(hb_ebpf(run(socket, more)));
    wait_until_ready();
  }
  // The same with a socket that is there already.
  ObserverProcess(const std::string& socket, const Argv& more, const PassedSocket& passed,
                  const std::string& name = "agents")
      : socket_(socket) {
    process_ = std::make_unique<Process>(PassedSocket::pass_to(hb_ebpf(run(socket, more)), name),
                                         passed.streams());
    wait_until_ready();
  }
  // The same as an ordinary user with these capabilities, who can make `socket`.
  ObserverProcess(const std::string& socket, const Argv& more, const std::vector<int>& capabilities)
      : socket_(socket) {
    process_ = std::make_unique<Process>(as_ordinary(run(socket, more)), Process::Streams{},
                                         [&] { become_ordinary(capabilities); });
    wait_until_ready();
  }

  [[nodiscard]] const std::string& socket() const { return socket_; }
  [[nodiscard]] const Json& ready() const { return ready_; }
  Process& process() { return *process_; }

  // The next event; {} when none comes. Loss notices may come at any time, and are stored.
  Json next_event(std::chrono::milliseconds patience = kPatience) {
    Json line = next_line(patience);
    for (; value(line, "event") == "loss"; line = next_line(patience)) losses_.push_back(line);
    return line;
  }

  // The next notice of a loss for this reason, past all that comes before it.
  Json expect_loss(const std::string& reason) {
    for (std::size_t seen = 0;;) {
      for (; seen < losses_.size(); ++seen) {
        if (losses_[seen]["reason"] == reason) return losses_[seen];
      }
      Json line = next_line(kPatience);
      if (line.empty()) break;
      if (value(line, "event") == "loss") losses_.push_back(std::move(line));
    }
    give_up("no notice of a loss: " + reason);
  }

  // Every notice so far.
  [[nodiscard]] const std::vector<Json>& losses() const { return losses_; }

  // The next line of the log that has `part`.
  std::string expect_logged(const std::string& part) {
    for (auto line = process_->next_error(); line; line = process_->next_error()) {
      if (line->find(part) != std::string::npos) return *line;
    }
    give_up("not in the log: " + part);
  }

  // The next event is one of this kind.
  Json expect(const std::string& kind) {
    Json event = next_event();
    if (value(event, "event") != kind) give_up("no " + kind + ", but " + event.dump());
    return event;
  }

  // The next stall of a process that has ended, past all that comes before it.
  Json expect_death() {
    Json event = next_event();
    while (!event.empty() && value(event, "cause") != "exited") event = next_event();
    if (event.empty()) give_up("nobody's end was told");
    return event;
  }

  // Ends the test, as later expectations would only fail as a consequence.
  [[noreturn]] void give_up(const std::string& why) {
    std::string log;
    constexpr std::chrono::milliseconds kNoTime{0};
    for (auto line = process_->next_error(kNoTime); line; line = process_->next_error(kNoTime)) {
      log += "\n  " + *line;
    }
    throw std::runtime_error(why + "; the observer's log:" + log);
  }

  void expect_nothing(std::chrono::milliseconds patience = std::chrono::milliseconds(200)) {
    const Json event = next_event(patience);
    EXPECT_TRUE(event.empty()) << event;
  }

  // Ends it by a signal, and returns its counters. Unexpected events fail the test, except exits of
  // agents,
  // which are passed to `ends`.
  Json stop(int signal = SIGTERM, const std::function<void(const Json&)>& ends = {}) {
    process_->signal(signal);
    Json stopped = next_event();
    for (; value(stopped, "cause") == "exited"; stopped = next_event()) {
      if (ends) ends(stopped);
    }
    if (value(stopped, "event") != "stopped") give_up("not stopped, but " + stopped.dump());
    EXPECT_EQ(process_->wait(), 0) << process_->errors();
    return stopped.value("counters", Json::object());
  }

 private:
  static Argv run(const std::string& socket, const Argv& more) {
    Argv arguments{"run", "--socket", socket, "--events", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  void wait_until_ready() {
    ready_ = next_event();
    if (value(ready_, "event") != "ready") give_up("not ready: " + ready_.dump());
  }

  static std::string value(const Json& event, const char* key) {
    return event.is_object() ? event.value(key, "") : "";
  }

  Json next_line(std::chrono::milliseconds patience) {
    const auto line = process_->next_line(patience);
    return line ? Json::parse(*line, nullptr, false) : Json::object();
  }

  std::string socket_;
  std::unique_ptr<Process> process_;
  Json ready_;
  std::vector<Json> losses_;
};

}  // namespace hb::test
