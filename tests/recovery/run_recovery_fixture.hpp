// An observer that recovers, agents that it attests, and a command that leaves notes.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace hb::test {

inline std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::uint64_t count(const Json& counters, const char* metric, const std::string& label) {
  return counters[metric].value(label, std::uint64_t{0});
}

class RunRecovery : public Attest {
 protected:
  // The threshold is long enough for an agent that beats not to be called silent on a busy machine.
  ObserverProcess observe_with(Argv recovery, const std::string& threshold_ms = "1500") {
    recovery.insert(recovery.end(), {"--beats", "all", "--threshold-ms", threshold_ms});
    return ObserverProcess(socket_, recovery);
  }

  Process agent() { return Process(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"})); }

  // Until its pidfd is proven: it was opened at the first beat that was told, and one of these
  // was sent later.
  static void let_it_beat(ObserverProcess& observer, const Process& agent) {
    for (int told = 0; told < 10;) {
      const Json event = observer.next_event();
      if (event.empty()) observer.give_up("the agent does not beat");
      told += event.value("event", "") == "beat" && event["pid"] == agent.pid() ? 1 : 0;
    }
  }

  // The next event of this kind, past all beats.
  static Json next(ObserverProcess& observer, const std::string& kind) {
    Json event = observer.next_event();
    while (event.value("event", "") == "beat") event = observer.next_event();
    if (event.value("event", "") != kind) observer.give_up("no " + kind + ", but " + event.dump());
    return event;
  }

  static Json end_after_stall(ObserverProcess& observer) {
    next(observer, "stall");
    return end(observer);
  }

  static Json end(ObserverProcess& observer) {
    observer.process().signal(SIGTERM);
    Json stopped = next(observer, "stopped");
    EXPECT_EQ(observer.process().wait(), 0);
    return stopped.value("counters", Json::object());
  }

  // A command that writes a line for each time it is run.
  Argv note(const std::string& what = "{pid} $HB_PID $HB_CAUSE") {
    return {"--recovery-exec", "sh -c 'echo " + what + " >> " + notes_ + "'"};
  }
  std::string notes() const { return content(notes_); }
  bool noted() const {
    return eventually([&] { return notes().ends_with('\n'); });
  }

  // Where nobody beats more than once.
  static constexpr const char* kShort = "200";

  const std::string notes_ = directory_.path("notes");
};

inline Argv operator+(Argv one, const Argv& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

}  // namespace hb::test
