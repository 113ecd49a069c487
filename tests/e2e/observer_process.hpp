// ObserverProcess: `hb-ebpf run` with a JSON event stream, ready to be sent to.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "e2e/process.hpp"

namespace hb::test {

using Json = nlohmann::ordered_json;

class ObserverProcess {
 public:
  // Started with --socket, --events json and `more`; returns when it is ready.
  explicit ObserverProcess(const std::string& socket, Argv more = {}) : socket_(socket) {
    Argv arguments{"run", "--socket", socket, "--events", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    process_ = std::make_unique<Process>(hb_ebpf(arguments));
    ready_ = next_event();
    if (value(ready_, "event") != "ready") ADD_FAILURE() << "not ready: " << ready_;
  }

  [[nodiscard]] const std::string& socket() const { return socket_; }
  [[nodiscard]] const Json& ready() const { return ready_; }
  Process& process() { return *process_; }

  // The next event; {} when none comes.
  Json next_event(std::chrono::milliseconds patience = kPatience) {
    const auto line = process_->next_line(patience);
    return line ? Json::parse(*line, nullptr, false) : Json::object();
  }

  // The next event is one of this kind.
  Json expect(const std::string& kind) {
    Json event = next_event();
    EXPECT_EQ(value(event, "event"), kind) << event;
    return event;
  }

  void expect_nothing(std::chrono::milliseconds patience = std::chrono::milliseconds(200)) {
    const Json event = next_event(patience);
    EXPECT_TRUE(event.empty()) << event;
  }

  // Ended by a signal, cleanly; its counters. Events that were not asked for fail the test, except
  // the ends of agents: those of a test end when they have done their part. `ends` is told of them.
  Json stop(int signal = SIGTERM, const std::function<void(const Json&)>& ends = {}) {
    process_->signal(signal);
    Json stopped = next_event();
    for (; value(stopped, "cause") == "exited"; stopped = next_event()) {
      if (ends) ends(stopped);
    }
    EXPECT_EQ(value(stopped, "event"), "stopped") << stopped;
    EXPECT_EQ(process_->wait(), 0) << process_->errors();
    return stopped.value("counters", Json::object());
  }

 private:
  static std::string value(const Json& event, const char* key) {
    return event.is_object() ? event.value(key, "") : "";
  }

  std::string socket_;
  std::unique_ptr<Process> process_;
  Json ready_;
};

}  // namespace hb::test
