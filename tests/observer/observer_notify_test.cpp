// Agents that speak systemd's notify protocol.
#include <utility>

#include "base/units.hpp"
#include "observer/notify_time.hpp"
#include "state/state_memory.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverNotify : public ObserverTest {
 protected:
  ObserverNotify() { begin(); }

  static Observer::Config config() {
    Observer::Config config;
    config.policy.observer_ns_inode = kHome;
    config.notify_times = {.least_ns = 2 * kNsPerSecond, .most_ns = 3600 * kNsPerSecond};
    return config;
  }
  void begin(const Observer::Config& configured = config()) {
    notified_.emplace(clock_, configured);
    notified_->add(a_);
  }

  // Younger than the observer.
  static constexpr std::uint64_t kYoung = kStart + 20'000;  // since boot, of which 12,345 ns asleep

  Notification message(std::uint32_t pid, std::string_view text,
                       std::uint64_t generation = kYoung) const {
    Identity sender = process(pid, generation);
    sender.sent_ns = now();
    return {.sender = sender, .message = notify::parse(text, false)};
  }
  // What one message leads to.
  Words say(const Notification& message) {
    a_.deliver(message);
    return events();
  }
  Words say(std::uint32_t pid, std::string_view text) { return say(message(pid, text)); }

  Words events() {
    Words all;
    while (const auto event = notified_->poll()) all.push_back(words(event));
    return all;
  }

  // In steps that are no gap.
  Words run_for(std::uint64_t ns) {
    Words all;
    for (const std::uint64_t end = now() + ns; now() < end;) {
      advance(std::min<std::uint64_t>(end - now(), 50 * kNsPerMs));
      for (std::string& event : events()) all.push_back(std::move(event));
    }
    return all;
  }

  [[nodiscard]] const Counters& counters() const { return notified_->counters(); }
  void expect_balance() const { EXPECT_EQ(counters().receptions, counters().handled()); }

  std::optional<Observer> notified_;
};

TEST_F(ObserverNotify, BeatsAreCountedByTheObserver) {
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/1"});
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/2"});
  EXPECT_EQ(run_for(2 * kNsPerSecond), Words{"stall 10/2"});
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/3"});
  expect_balance();
}

// It has not said that it will beat: most services only say that they are ready.
TEST_F(ObserverNotify, ReadyAloneIsNotWatched) {
  EXPECT_EQ(say(10, "READY=1"), (Words{"beat 10/1", "notice 10 ready off"}));
  EXPECT_EQ(run_for(100 * kNsPerSecond), Words{});
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/2"});
  EXPECT_EQ(run_for(2 * kNsPerSecond), Words{"stall 10/2"});
}

TEST_F(ObserverNotify, WatchdogUsecIsTheThreshold) {
  EXPECT_EQ(say(10, "WATCHDOG_USEC=10000000"), (Words{"beat 10/1", "notice 10 10000 ms"}));
  EXPECT_EQ(run_for(9 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(kNsPerSecond), Words{"stall 10/1"});
  EXPECT_EQ(say(10, "WATCHDOG_USEC=0"), (Words{"beat 10/2", "notice 10 off"}));
  EXPECT_EQ(run_for(100 * kNsPerSecond), Words{});
}

TEST_F(ObserverNotify, ItsThresholdHasBounds) {
  EXPECT_EQ(say(10, "WATCHDOG_USEC=1"), (Words{"beat 10/1", "notice 10 2000 ms"}));
  EXPECT_EQ(say(10, "WATCHDOG_USEC=31536000000000"), (Words{"beat 10/2", "notice 10 3600000 ms"}));
}

// Its own word stands above that of the configuration, which stands until it speaks.
TEST_F(ObserverNotify, TheConfiguredThresholdIsTheOneItBeginsWith) {
  say(10, "READY=1");
  EXPECT_TRUE(notified_->set_threshold(10, kYoung, 5 * kNsPerSecond));
  EXPECT_EQ(run_for(20 * kNsPerSecond), Words{});
  EXPECT_EQ(say(10, "WATCHDOG=1\nSTATUS=x"), (Words{"beat 10/2", "notice 10 5000 ms"}));
  EXPECT_EQ(say(10, "WATCHDOG_USEC=20000000"), (Words{"beat 10/3", "notice 10 20000 ms"}));
  EXPECT_TRUE(notified_->set_threshold(10, kYoung, 3 * kNsPerSecond));
  EXPECT_EQ(run_for(19 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(kNsPerSecond), Words{"stall 10/3"});
}

TEST_F(ObserverNotify, ReloadingHasTimeUntilTheNextBeat) {
  say(10, "WATCHDOG=1");
  EXPECT_EQ(say(10, "RELOADING=1"), (Words{"beat 10/2", "notice 10 reloading 90000 ms"}));
  EXPECT_EQ(run_for(60 * kNsPerSecond), Words{});
  EXPECT_EQ(say(10, "READY=1"), (Words{"beat 10/3", "notice 10 ready 2000 ms"}));
  EXPECT_EQ(run_for(2 * kNsPerSecond), Words{"stall 10/3"});
}

TEST_F(ObserverNotify, ReloadingForeverIsAStall) {
  say(10, "WATCHDOG=1");
  say(10, "RELOADING=1\nEXTEND_TIMEOUT_USEC=15000000");
  EXPECT_EQ(run_for(14 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(kNsPerSecond), Words{"stall 10/2"});
}

// Whoever is not watched does not become so by asking for time.
TEST_F(ObserverNotify, UnwatchedItStaysSo) {
  say(10, "READY=1");
  EXPECT_EQ(say(10, "RELOADING=1"), (Words{"beat 10/2", "notice 10 reloading off"}));
  EXPECT_EQ(say(10, "STOPPING=1"),
            (Words{"beat 10/18446744073709551615", "notice 10 stopping off"}));
  EXPECT_EQ(run_for(200 * kNsPerSecond), Words{});
}

// A service that beats while it stops does not end its time to stop, nor its last word.
TEST_F(ObserverNotify, StoppingIsALastWord) {
  say(10, "WATCHDOG=1");
  const std::string last = "beat 10/18446744073709551615";
  EXPECT_EQ(say(10, "STOPPING=1"), (Words{last, "notice 10 stopping 90000 ms"}));
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{last});
  EXPECT_EQ(run_for(80 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(10 * kNsPerSecond), Words{"stall 10/18446744073709551615"});
  EXPECT_EQ(say(10, "READY=1"), (Words{"beat 10/2", "notice 10 ready 2000 ms"}));
}

TEST_F(ObserverNotify, TriggerIsAStallOnce) {
  say(10, "WATCHDOG=1");
  EXPECT_EQ(say(10, "WATCHDOG=trigger"), Words{"trigger 10/1"});
  EXPECT_EQ(say(10, "WATCHDOG=trigger"), Words{});
  EXPECT_EQ(run_for(10 * kNsPerSecond), Words{});
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/2"});
  EXPECT_EQ(say(10, "WATCHDOG=1\nWATCHDOG=trigger\nSTATUS=x"),
            (Words{"beat 10/3", "notice 10 2000 ms", "trigger 10/3"}));
  expect_balance();
}

// systemd-notify(1) sets the status of a service from a process of its own.
TEST_F(ObserverNotify, WhoOnlySetsItsStatusIsNoAgent) {
  for (const char* text : {"STATUS=x", "STOPPING=1", "RELOADING=1", "WATCHDOG=trigger", "MAINPID=1",
                           "EXTEND_TIMEOUT_USEC=1", "ERRNO=2", "", "garbage"}) {
    EXPECT_EQ(say(10, text), Words{}) << text;
  }
  EXPECT_EQ(notified_->agents(), 0U);
  EXPECT_EQ(counters().notices, 9U);
  expect_balance();
}

// Only what is said of the watchdog is a sign of life.
TEST_F(ObserverNotify, StatusIsNoBeat) {
  say(10, "WATCHDOG=1");
  Words all;
  for (int i = 0; i < 30; ++i) {
    for (auto& event : say(10, "STATUS=busy")) all.push_back(event);
    for (auto& event : run_for(100 * kNsPerMs)) all.push_back(event);
  }
  EXPECT_EQ(std::ranges::count(all, "stall 10/1"), 1);
  EXPECT_EQ(std::ranges::count(all, "notice 10 2000 ms"), 30);
}

TEST_F(ObserverNotify, SenderWhoIsNotKnownIsRefused) {
  Notification unknown = message(10, "WATCHDOG=1");
  unknown.sender = Unattested::KernelThread;
  EXPECT_EQ(say(unknown), Words{"kernel_thread"});
  expect_balance();
}

TEST_F(ObserverNotify, AnotherNamespaceIsRefusedUnlessItIsAllowed) {
  Notification foreign = message(10, "WATCHDOG=1");
  auto& sender = std::get<Identity>(foreign.sender);
  sender.pid_ns_inode = kAway;
  sender.own_tgid = 1;
  EXPECT_EQ(say(foreign), Words{"namespace conflict"});
  auto allowed = config();
  allowed.policy.allow_cross_namespace = true;
  begin(allowed);
  EXPECT_EQ(say(foreign), Words{"beat 10/1"});
  sender.tgid = 0;  // invisible here
  EXPECT_EQ(say(foreign), Words{"namespace conflict"});
}

TEST_F(ObserverNotify, OtherCredentialsAreCountedAndIgnored) {
  Notification as_other = message(10, "WATCHDOG=1");
  as_other.names_other = true;
  EXPECT_EQ(say(as_other), Words{"beat 10/1"});
  EXPECT_EQ(counters().notify_credentials_ignored, 1U);
}

// Its nonces are its frames', however many notify messages come between them: these were counted,
// and frames were out of order.
TEST_F(ObserverNotify, AProcessMaySendFramesToo) {
  say(10, "READY=1");
  Arrival frame = arrival({.pid = 10, .nonce = 7}, process(10, kYoung));
  a_.deliver(frame);
  EXPECT_EQ(events(), Words{"beat 10/7"});
  for (int n = 0; n < 5; ++n) EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/7"});
  frame = arrival({.pid = 10, .nonce = 8}, process(10, kYoung));
  a_.deliver(frame);
  EXPECT_EQ(events(), Words{"beat 10/8"});
  EXPECT_EQ(run_for(2 * kNsPerSecond), Words{"stall 10/8"});
}

TEST_F(ObserverNotify, AnotherProcessUnderThePidBeginsAnew) {
  say(10, "WATCHDOG_USEC=20000000");
  Notification next = message(10, "READY=1\nSTATUS=x");
  std::get<Identity>(next.sender).generation_ns = kYoung + 1;
  EXPECT_EQ(say(next), (Words{"exit 10/1", "beat 10/1", "notice 10 ready off"}));
  expect_balance();
}

TEST_F(ObserverNotify, LinesAreCounted) {
  say(10, "WATCHDOG=1\nFDSTORE=1\nnonsense");
  EXPECT_EQ(counters().notify_lines[notify::Assignment::Watchdog], 1U);
  EXPECT_EQ(counters().notify_lines[notify::Assignment::Other], 1U);
  EXPECT_EQ(counters().notify_lines[notify::Assignment::Malformed], 1U);
}

// However many thresholds agents choose, others can still be given theirs.
TEST_F(ObserverNotify, ThresholdsAreFew) {
  for (std::uint32_t pid = 10; pid < 300; ++pid) {
    say(pid, "WATCHDOG_USEC=" + std::to_string(2'000'000 + 12'345'678ULL * (pid - 10)));
  }
  say(400, "WATCHDOG=1");
  for (std::uint64_t n = 1; n <= Thresholds::kMost - 1 - kMostNotifyThresholds; ++n) {
    EXPECT_TRUE(notified_->set_threshold(400, kYoung, 7 * kNsPerSecond + n)) << n;
  }
}

// What it has said to a predecessor, it does not say again. With the default of 2 s an agent that
// beats every 10 s was reported as silent, and killed, after a restart of the observer.
TEST_F(ObserverNotify, AnAgentThatIsOlderShowsHowOftenItBeats) {
  EXPECT_EQ(say(message(10, "WATCHDOG=1", 1)), Words{"beat 10/1"});
  for (const std::uint64_t s : {std::uint64_t{1}, std::uint64_t{10}, std::uint64_t{2}}) {
    EXPECT_EQ(run_for(s * kNsPerSecond), Words{});
    EXPECT_EQ(say(message(10, "WATCHDOG=1\nSTATUS=x", 1)).back(), "notice 10 90000 ms");
  }
  EXPECT_EQ(run_for(2 * kNsPerSecond), Words{});
  EXPECT_EQ(say(message(10, "WATCHDOG=1\nSTATUS=x", 1)),
            (Words{"beat 10/5", "notice 10 30000 ms"}));
  EXPECT_EQ(run_for(29 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(kNsPerSecond), Words{"stall 10/5"});
}

TEST_F(ObserverNotify, AnOlderOneThatNeverBeatsAgainIsReported) {
  say(message(10, "WATCHDOG=1", 1));
  EXPECT_EQ(run_for(90 * kNsPerSecond), Words{"stall 10/1"});
}

TEST_F(ObserverNotify, APolicyKnowsBetterHowOftenItBeats) {
  say(message(10, "WATCHDOG=1", 1));
  EXPECT_TRUE(notified_->set_threshold(10, 1, 5 * kNsPerSecond));
  EXPECT_EQ(run_for(4 * kNsPerSecond), Words{});
  EXPECT_EQ(say(message(10, "WATCHDOG=1", 1)), Words{"beat 10/2"});
  EXPECT_EQ(run_for(5 * kNsPerSecond), Words{"stall 10/2"});
}

TEST_F(ObserverNotify, WhatIsSaidWhileItStopsDoesNotShortenItsTime) {
  say(10, "WATCHDOG=1");
  say(10, "STOPPING=1\nEXTEND_TIMEOUT_USEC=300000000");
  const Words events = say(10, "STATUS=flushing");
  EXPECT_EQ(events, Words{"notice 10 300000 ms"});
}

TEST_F(ObserverNotify, ThePolicyHoldsAfterAnExtension) {
  say(10, "WATCHDOG=1");
  say(10, "RELOADING=1");
  EXPECT_TRUE(notified_->set_threshold(10, kYoung, 100 * kNsPerSecond));
  EXPECT_EQ(notified_->known_agents().front().threshold_ns, 100 * kNsPerSecond);
  EXPECT_EQ(run_for(99 * kNsPerSecond), Words{});
  EXPECT_EQ(run_for(kNsPerSecond), Words{"stall 10/2"});
}

// An agent that is not watched may end without that anybody learns of it.
TEST_F(ObserverNotify, AnUnwatchedOneWhoseExitWasLostIsNoticed) {
  class Nobody final : public AttemptWatch {
   public:
    [[nodiscard]] std::optional<LastAttempt> last_attempt(std::uint32_t,
                                                          std::uint64_t) const override {
      return is_there ? std::optional(LastAttempt{1, Unheard::QueueFull}) : std::nullopt;
    }
    [[nodiscard]] Comm comm(std::uint32_t, std::uint64_t) const override { return {}; }
    [[nodiscard]] std::optional<std::uint64_t> fatal_since_ns(std::uint32_t,
                                                              std::uint64_t) const override {
      return std::nullopt;
    }
    bool is_there = true;
  } nobody;
  notified_->watch(nobody);
  say(10, "READY=1");
  EXPECT_EQ(run_for(300 * kNsPerSecond), Words{});
  nobody.is_there = false;
  EXPECT_EQ(run_for(60 * kNsPerSecond), Words{"exit 10/1"});
  EXPECT_EQ(notified_->agents(), 0U);
}

// It was counted twice.
TEST_F(ObserverNotify, AMessageInHandAtAKillIsCountedOnce) {
  auto memory =
      StateMemory::create(Observer::layout({}), {.boot_id = "", .run_id = "", .start_ns = kStart});
  ASSERT_TRUE(memory);
  auto kept = config();
  kept.state = &memory.value();
  begin(kept);
  say(10, "WATCHDOG=1");
  const Notification in_hand = message(10, "STATUS=x");
  say(in_hand);
  begin(kept);
  say(in_hand);
  EXPECT_EQ(counters().receptions, 2U);
  EXPECT_EQ(counters().notify_lines[notify::Assignment::Status], 1U);
  expect_balance();
}

TEST_F(ObserverNotify, ASuccessorGoesOn) {
  auto memory =
      StateMemory::create(Observer::layout({}), {.boot_id = "", .run_id = "", .start_ns = kStart});
  ASSERT_TRUE(memory);
  auto kept = config();
  kept.state = &memory.value();
  begin(kept);
  say(10, "WATCHDOG_USEC=20000000");
  say(11, "READY=1");
  const Notification in_hand = message(12, "WATCHDOG=1");
  EXPECT_EQ(say(in_hand), Words{"beat 12/1"});
  begin(kept);
  EXPECT_EQ(say(in_hand), Words{"beat 12/1"});  // once more, but not counted again
  EXPECT_EQ(counters().beats, 3U);
  EXPECT_EQ(say(12, "WATCHDOG=1"), Words{"beat 12/2"});
  EXPECT_EQ(run_for(4 * kNsPerSecond), Words{"stall 12/2"});
  EXPECT_EQ(run_for(18 * kNsPerSecond), Words{"stall 10/1"});
  EXPECT_EQ(run_for(100 * kNsPerSecond), Words{});
  EXPECT_EQ(say(10, "WATCHDOG=1"), Words{"beat 10/2"});
}

TEST(NotifyThreshold, UsualTimesRemain) {
  const NotifyTimes times{.least_ns = kNsPerMs, .most_ns = 3600 * kNsPerSecond};
  for (const std::uint64_t s : std::initializer_list<std::uint64_t>{
           1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 3600}) {
    EXPECT_EQ(round_up_threshold_ns(s * kNsPerSecond, times), s * kNsPerSecond);
  }
}

TEST(NotifyThreshold, IsNeverShorterThanWanted) {
  const NotifyTimes times{.least_ns = 1, .most_ns = 3600 * kNsPerSecond};
  for (std::uint64_t ns = kNsPerMs; ns < times.most_ns; ns += ns / 7 + 1) {
    EXPECT_GE(round_up_threshold_ns(ns, times), ns);
  }
}

}  // namespace
}  // namespace hb
