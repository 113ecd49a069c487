// An observer that attests by the kernel, and what its counters must say in the end.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/agent.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {

using std::chrono::milliseconds;

inline std::uint64_t namespace_inode() {
  struct stat link {};
  ::stat("/proc/self/ns/pid", &link);
  return link.st_ino;
}

// At rest every attempt is a stamp or a counted drop, and every stamp is accounted for.
inline void expect_balance(const Json& counters) {
  const auto count = [&](const char* name) { return counters.value(name, std::uint64_t{0}); };
  std::uint64_t dropped = 0;
  for (const auto& [reason, value] : counters["stamps_dropped_total"].items()) {
    dropped += value.get<std::uint64_t>();
  }
  EXPECT_EQ(count("stamp_attempts_total"), count("stamps_total") + dropped) << counters;
  EXPECT_EQ(count("stamps_total"), count("stamps_matched_total") + count("stamps_orphaned_total") +
                                       count("stamps_waiting"))
      << counters;
}

// Whether the observer is an ordinary user with two capabilities, instead of who runs the test.
#ifdef HB_TWO_CAPABILITIES
inline constexpr bool kHasTwoCapabilities = true;
#else
inline constexpr bool kHasTwoCapabilities = false;
#endif

// Frames as datagrams, as by default.
class Attest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kHasTwoCapabilities) HB_NEEDS_ROOT();
    static const Outcome doctor = run_to_end({"doctor"});
    HB_NEEDS(doctor.code == 0, "kernel attestation:\n" + doctor.out);
    if (kHasTwoCapabilities) give_to_ordinary(directory_.path("."));
  }

  // Unless a test sets a threshold, no agent is silent for long enough, however slow the machine.
  ObserverProcess observe(Argv more = {}) {
    const bool has_threshold = std::find(more.begin(), more.end(), "--threshold-ms") != more.end();
    if (!has_threshold) more.insert(more.end(), {"--threshold-ms", "600000"});
    more.insert(more.end(), {"--delivery", delivery()});
    if (kHasTwoCapabilities) return ObserverProcess(socket_, more, kTwoCapabilities);
    return ObserverProcess(socket_, more);
  }
  virtual std::string delivery() const { return "socket"; }

  // False where frames come in their stamps whatever --delivery says (6.1 under lockdown).
  static bool queues_datagrams() {
    static const Outcome doctor = run_to_end({"doctor", "--format", "json"});
    const Json said = Json::parse(doctor.out);
    for (const Json& check : said["checks"]) {
      if (check["check"] == "descriptors") return check["state"] == "ok";
    }
    throw std::runtime_error("doctor does not speak of descriptors: " + doctor.out);
  }

  void stop(ObserverProcess& observer) { expect_balance(observer.stop()); }

  // Sends while the observer sleeps, so that what is sent waits together.
  template <typename Work>
  void while_asleep(ObserverProcess& observer, Work work) {
    observer.process().signal(SIGSTOP);
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(observer.process().pid()), &stopped, WSTOPPED | WNOWAIT);
    work();
    observer.process().signal(SIGCONT);
  }

  // Byte for byte, so that only a stamp can tell whose it was; the agent is this process.
  void agent_and_forger_send_the_same(ObserverProcess& observer) {
    while_asleep(observer, [&] {
      ASSERT_TRUE(send_claim(socket_, own_pid()));
      Child::run([agent = own_pid(), this] { send_forged(socket_, agent); }).wait();
    });
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
};

// What must not depend on how frames come.
class EveryDelivery : public Attest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string delivery() const override { return GetParam(); }
};

class RingDelivery : public Attest {
 protected:
  std::string delivery() const override { return "ring"; }
};

}  // namespace hb::test
