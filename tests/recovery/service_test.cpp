// The states of a service: single stories, and every sequence of inputs up to a length.
#include "recovery/service.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "tests/recovery/stalls.hpp"

namespace hb::test {
namespace {

using News = Service::News;
using State = ServiceState;

constexpr std::uint64_t kSecond = kNsPerSecond;
constexpr ProcessKey kFirst{100, 1};
constexpr ProcessKey kSecondOne{101, 2};
constexpr ProcessKey kThird{102, 3};

Stall silence_of(const ProcessKey& process) { return stall_of(process.pid, process.generation_ns); }

Stall exit_of(const ProcessKey& process, DownKind kind) {
  Stall stall = silence_of(process);
  stall.cause = StallCause::Exited;
  if (kind == DownKind::Signal) stall.exit.signal = SIGSEGV;
  if (kind == DownKind::StopSignal) stall.exit.signal = SIGTERM;
  if (kind == DownKind::Code) stall.exit.code = 1;
  if (kind == DownKind::Clean || kind == DownKind::LastWord) stall.exit.code = 0;
  if (kind == DownKind::LastWord) stall.last_nonce = ~std::uint64_t{0};
  return stall;
}

// A service whose clock the test sets, with everything that it told.
class Played {
 public:
  explicit Played(ServiceRules rules = {}, bool alone = false)
      : rules_(rules), service_(rules_, alone, 1) {}

  News beat(const ProcessKey& process) { return service_.heard(process, false, now_ns_); }
  News new_beat(const ProcessKey& process) { return service_.heard(process, true, now_ns_); }
  News silence(const ProcessKey& process) { return service_.failed(silence_of(process), now_ns_); }
  News exit(const ProcessKey& process, DownKind kind) {
    return service_.failed(exit_of(process, kind), now_ns_);
  }
  News crash(const ProcessKey& process) { return exit(process, DownKind::Signal); }

  News pass(std::uint64_t span_ns) {
    now_ns_ += span_ns;
    return service_.tick(now_ns_);
  }
  // To the instant at which it wants to be looked at.
  News wait() {
    EXPECT_NE(service_.wake_ns(), Service::kNever);
    now_ns_ = std::max(now_ns_, service_.wake_ns());
    return service_.tick(now_ns_);
  }
  bool wants() { return service_.wants(now_ns_) != nullptr; }
  void begin() {
    ASSERT_TRUE(wants());
    service_.begun(now_ns_);
  }
  News end(bool was_successful, std::uint64_t patience_ns = 0) {
    return service_.ended(was_successful, now_ns_, now_ns_ + patience_ns);
  }
  News attempt(bool was_successful = true) {
    begin();
    return end(was_successful);
  }

  Service& service() { return service_; }
  State state() const { return service_.state(); }
  std::uint64_t now_ns() const { return now_ns_; }

 private:
  ServiceRules rules_;
  Service service_;
  std::uint64_t now_ns_ = 1000 * kSecond;
};

TEST(Service, SilenceIsActedUponAtOnce) {
  Played played;
  EXPECT_EQ(played.silence(kFirst), ServiceNews::WentDown);
  EXPECT_TRUE(played.wants());
}

TEST(Service, ACrashIsActedUponAfterItHasSettled) {
  Played played;
  EXPECT_EQ(played.crash(kFirst), ServiceNews::WentDown);
  EXPECT_FALSE(played.wants());
  played.pass(kSecond);
  EXPECT_TRUE(played.wants());
}

TEST(Service, ASingleProcessHasNobodyToWaitFor) {
  Played played({}, true);
  played.crash(kFirst);
  EXPECT_TRUE(played.wants());
}

// One `systemctl restart` by hand led to ten more in 1.5 s.
TEST(Service, ARestartBySomebodyElseIsLeftAlone) {
  Played played;
  played.crash(kFirst);
  played.pass(kSecond / 2);
  EXPECT_EQ(played.new_beat(kSecondOne), ServiceNews::RecoveredElsewhere);
  played.pass(kSecond);
  EXPECT_FALSE(played.wants());
}

TEST(Service, BeatsOfOthersThatWereThereBeforeAreNoRestart) {
  Played played;
  played.crash(kFirst);
  EXPECT_EQ(played.beat(kSecondOne), std::nullopt);
  played.pass(kSecond);
  EXPECT_TRUE(played.wants());
}

TEST(Service, WhatIsNoFailureStartsNothing) {
  for (const DownKind kind : {DownKind::Clean, DownKind::LastWord, DownKind::StopSignal}) {
    Played played;
    EXPECT_EQ(played.exit(kFirst, kind), std::nullopt) << name(kind);
    EXPECT_EQ(played.state(), State::Healthy);
  }
}

TEST(Service, WhatCountsIsChosen) {
  Played played({.recover_on = {DownKind::Clean}});
  EXPECT_EQ(played.silence(kFirst), std::nullopt);
  EXPECT_EQ(played.exit(kFirst, DownKind::Clean), ServiceNews::WentDown);
}

TEST(Service, ASilentProcessThatIsStoppedByHandIsLeftAlone) {
  Played played;
  played.silence(kFirst);
  EXPECT_EQ(played.exit(kFirst, DownKind::StopSignal), ServiceNews::Stopped);
  EXPECT_EQ(played.state(), State::Healthy);
}

// The restart ends the silent process by SIGTERM: that is no wish of somebody's.
TEST(Service, WhatTheAttemptEndedIsStillDown) {
  Played played;
  played.silence(kFirst);
  played.begin();
  played.exit(kFirst, DownKind::StopSignal);
  played.end(true);
  EXPECT_EQ(played.state(), State::Verifying);
  EXPECT_EQ(played.wait(), ServiceNews::AttemptFailed);
}

TEST(Service, IsHealthyOnceANewProcessHasBeatenForLong) {
  Played played;
  played.silence(kFirst);
  played.attempt();
  EXPECT_EQ(played.new_beat(kSecondOne), std::nullopt);
  EXPECT_EQ(played.crash(kFirst), std::nullopt) << "the attempt's doing";
  EXPECT_EQ(played.state(), State::Verifying);
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.state(), State::Healthy);
}

// Two processes are started again, one of them crashes and the other one beats: that was taken for
// health.
TEST(Service, OneThatTheAttemptStartedAndThatCrashedIsDown) {
  Played played;
  played.silence(kFirst);
  played.begin();
  played.exit(kFirst, DownKind::StopSignal);
  played.end(true);
  played.new_beat(kSecondOne);
  played.new_beat(kThird);
  EXPECT_EQ(played.crash(kThird), std::nullopt) << "another one may replace it";
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.state(), State::Down);
  played.wait();
  EXPECT_TRUE(played.wants());
}

TEST(Service, OneThatTheAttemptStartedMayBeReplaced) {
  Played played;
  played.silence(kFirst);
  played.begin();
  played.exit(kFirst, DownKind::StopSignal);
  played.end(true);
  played.new_beat(kSecondOne);
  played.new_beat(kThird);
  played.crash(kThird);
  played.new_beat({103, 4});
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.state(), State::Healthy);
}

// It had crashed before the attempt, which was for another one that beats again.
TEST(Service, OneThatCrashedBeforeTheAttemptIsNotActedUponAfterIt) {
  Played played;
  played.silence(kFirst);
  played.attempt();
  played.new_beat(kThird);
  played.wait();
  ASSERT_EQ(played.state(), State::Down) << "the first one is silent still";
  played.crash(kThird);
  played.wait();
  played.attempt();
  played.beat(kFirst);
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.state(), State::Healthy);
}

TEST(Service, ACommandThatFailedIsTriedAgain) {
  Played played;
  played.silence(kFirst);
  EXPECT_EQ(played.attempt(false), ServiceNews::AttemptFailed);
  EXPECT_FALSE(played.wants());
  played.pass(kSecond * 5 / 4);
  EXPECT_TRUE(played.wants());
}

TEST(Service, BackoffDoublesUpToItsEnd) {
  ServiceRules rules;
  rules.attempts = 12;
  Played played(rules);
  played.silence(kFirst);
  std::uint64_t expected_ns = kSecond;
  for (int i = 0; i < 11; ++i) {
    played.attempt(false);
    const std::uint64_t rest_ns = played.service().wake_ns() - played.now_ns();
    EXPECT_GE(rest_ns, expected_ns);
    EXPECT_LE(rest_ns, expected_ns * 5 / 4);
    expected_ns = std::min(2 * expected_ns, 60 * kSecond);
    played.wait();
  }
}

TEST(Service, IsGivenUpAndToldSo) {
  Played played;
  played.silence(kFirst);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(played.attempt(false), ServiceNews::AttemptFailed);
    played.wait();
  }
  EXPECT_EQ(played.attempt(false), ServiceNews::GaveUp);
  played.pass(3600 * kSecond);
  EXPECT_FALSE(played.wants());
}

TEST(Service, GivenUpIsLeftByABeatOrByTheOperator) {
  const ServiceRules once{.attempts = 1};
  Played played(once);
  played.silence(kFirst);
  played.attempt(false);
  played.service().reset(played.now_ns());
  EXPECT_TRUE(played.wants());
  played.attempt(false);
  EXPECT_EQ(played.state(), State::GivenUp);
  played.beat(kFirst);
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
}

TEST(Service, WhatIsRefusedForNowIsAskedAgain) {
  Played played;
  played.silence(kFirst);
  played.service().refused(played.now_ns());
  EXPECT_FALSE(played.wants());
  played.wait();
  EXPECT_TRUE(played.wants());
  EXPECT_EQ(played.service().attempt(), 0U);
}

TEST(Service, AnAttemptThatCouldNotBeBegunIsNone) {
  Played played;
  played.silence(kFirst);
  for (int i = 0; i < 10; ++i) {
    played.service().not_begun(played.now_ns());
    EXPECT_FALSE(played.wants());
    played.wait();
  }
  EXPECT_TRUE(played.wants());
  EXPECT_EQ(played.service().attempt(), 0U);
}

TEST(Service, ASuccessThatDoesNotLastIsAFailure) {
  Played played;
  played.silence(kFirst);
  played.attempt();
  played.new_beat(kSecondOne);
  EXPECT_EQ(played.crash(kSecondOne), ServiceNews::AttemptFailed);
}

TEST(Service, FlappingIsToldAndSlowed) {
  Played played;
  played.crash(kFirst);
  played.pass(kSecond);
  played.attempt();
  played.new_beat(kSecondOne);
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.crash(kSecondOne), ServiceNews::Flapped);
  played.wait();  // it settles
  EXPECT_FALSE(played.wants());
  played.wait();
  EXPECT_TRUE(played.wants());
}

TEST(Service, LongHealthIsNoFlapping) {
  Played played;
  played.silence(kFirst);
  played.attempt();
  played.crash(kFirst);
  played.new_beat(kSecondOne);
  played.wait();
  played.wait();
  EXPECT_TRUE(played.service().is_idle());
  EXPECT_EQ(played.silence(kSecondOne), ServiceNews::WentDown);
}

TEST(Service, StepsFollowOneAnotherWithTheirPatience) {
  Played played({.steps = 2});
  played.silence(kFirst);
  played.begin();
  played.end(true, 5 * kSecond);
  EXPECT_EQ(played.service().step(), 1U);
  EXPECT_FALSE(played.wants());
  played.pass(5 * kSecond);
  EXPECT_TRUE(played.wants());
}

TEST(Service, TheNextStepDoesNotWaitForWhatHasEnded) {
  Played played({.steps = 2});
  played.silence(kFirst);
  played.begin();
  played.end(true, 5 * kSecond);
  played.exit(kFirst, DownKind::Signal);
  EXPECT_TRUE(played.wants());
  EXPECT_FALSE(played.service().signal_is_needed());
  EXPECT_TRUE(played.service().command_is_needed());
  played.new_beat(kSecondOne);
  EXPECT_FALSE(played.service().command_is_needed()) << "somebody else has restarted it";
}

TEST(Service, OfSeveralTheSilentOneIsActedUponFirst) {
  Played played;
  played.crash(kFirst);
  played.silence(kSecondOne);
  played.pass(kSecond);
  ASSERT_TRUE(played.wants());
  EXPECT_EQ(played.service().wants(played.now_ns())->process(), kSecondOne);
}

TEST(Service, OneThatFellSilentMeanwhileIsNext) {
  Played played;
  played.silence(kFirst);
  played.attempt();
  played.silence(kSecondOne);
  played.crash(kFirst);
  played.new_beat(kThird);
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
  EXPECT_EQ(played.state(), State::Down);
  played.wait();
  EXPECT_EQ(played.service().wants(played.now_ns())->process(), kSecondOne);
}

// A process that beat once and hung kept its whole unit from being recovered: no signal could be
// sent to it, and the unit was given up.
TEST(Service, OneThatIsRefusedForGoodDoesNotStandInTheWayOfOthers) {
  Played played;
  played.silence(kFirst);
  played.silence(kSecondOne);
  EXPECT_EQ(played.service().give_up(played.now_ns()), std::nullopt);
  ASSERT_TRUE(played.wants());
  EXPECT_EQ(played.service().wants(played.now_ns())->process(), kSecondOne);
  EXPECT_EQ(played.service().give_up(played.now_ns()), ServiceNews::GaveUp);
}

TEST(Service, OneThatFailsLaterIsActedUponThoughTheServiceIsGivenUp) {
  Played played;
  played.silence(kFirst);
  EXPECT_EQ(played.service().give_up(played.now_ns()), ServiceNews::GaveUp);
  EXPECT_EQ(played.silence(kSecondOne), ServiceNews::WentDown);
  ASSERT_TRUE(played.wants());
  EXPECT_EQ(played.service().wants(played.now_ns())->process(), kSecondOne);
}

TEST(Service, OneThatIsRefusedForNowIsAskedForAfterTheOthers) {
  Played played;
  played.silence(kFirst);
  played.silence(kSecondOne);
  played.service().refused(played.now_ns());
  played.wait();
  EXPECT_EQ(played.service().wants(played.now_ns())->process(), kSecondOne);
}

// A main process hung, and its helpers came and went every second: each put the act off.
TEST(Service, HelpersThatEndDoNotPutTheActOff) {
  Played played;
  played.crash(kFirst);
  played.pass(kSecond);
  played.attempt();
  played.new_beat(kSecondOne);
  played.wait();
  EXPECT_EQ(played.silence(kSecondOne), ServiceNews::Flapped);
  for (std::uint32_t pid = 200; pid < 203; ++pid) {
    played.pass(kSecond / 2);
    played.new_beat({pid, pid});
    played.exit({pid, pid}, pid % 2 == 0 ? DownKind::Clean : DownKind::Code);
  }
  EXPECT_TRUE(played.wants());
}

// The signal was denied, and meanwhile the process beat again: at a SIGHUP it was signalled.
TEST(Service, ADenialOfWhatBeatsAgainLeavesNothingToTryAgain) {
  Played played;
  played.silence(kFirst);
  played.begin();
  played.beat(kFirst);
  played.service().give_up(played.now_ns());
  played.service().reset(played.now_ns());
  EXPECT_FALSE(played.wants());
  EXPECT_EQ(played.wait(), ServiceNews::Recovered);
}

// Its exit was never reported: a healthy unit was restarted every minute, for ever.
TEST(Service, OneThatStaysSilentThoughAttemptsSucceedIsGivenUp) {
  Played played({.attempts = 3});
  played.silence(kFirst);
  ProcessKey next{200, 200};
  for (int i = 0; i < 2; ++i) {
    played.attempt();
    played.new_beat(next);
    EXPECT_EQ(played.wait(), ServiceNews::Recovered);
    played.wait();
    next = {next.pid + 1, next.generation_ns + 1};
  }
  played.attempt();
  played.new_beat(next);
  EXPECT_EQ(played.wait(), ServiceNews::GaveUp);
  EXPECT_EQ(played.silence(next), ServiceNews::Flapped) << "but others are acted upon";
}

TEST(Service, ASingleProcessThatWasEndedIsDoneWith) {
  Played played({}, true);
  played.silence(kFirst);
  played.attempt();
  EXPECT_EQ(played.crash(kFirst), ServiceNews::Ended);
  EXPECT_EQ(played.state(), State::Healthy);
}

TEST(Service, KindsOfEnds) {
  EXPECT_EQ(down_kind(silence_of(kFirst)), DownKind::Silence);
  for (const DownKind kind : {DownKind::Signal, DownKind::Code, DownKind::StopSignal,
                              DownKind::Clean, DownKind::LastWord}) {
    EXPECT_EQ(down_kind(exit_of(kFirst, kind)), kind) << name(kind);
  }
  Stall unknown = exit_of(kFirst, DownKind::Clean);
  unknown.exit = {};
  EXPECT_EQ(down_kind(unknown), DownKind::Code) << "nobody knows how";
  Stall failed = exit_of(kFirst, DownKind::LastWord);
  failed.exit.code = 3;
  EXPECT_EQ(down_kind(failed), DownKind::Code) << "whatever its last word was";
}

// Every sequence of at most kLength inputs. After each input:
//   a healthy service wants nothing; two steps never run at once; and whatever is down is acted
//   upon, healthy or given up within a bounded number of looks at the clock.
class EverySequence : public ::testing::TestWithParam<bool> {
 protected:
  struct World {
    Service service;
    std::uint64_t now_ns = 1000 * kSecond;
    bool is_running = false;
    std::uint32_t processes = 1;  // that have beaten
    bool is_silent = false;       // the newest one
    bool has_exited = false;      // likewise
  };
  using Input = void (*)(World&);

  static ProcessKey newest(const World& world) { return {world.processes, world.processes}; }

  static void hear_new(World& world) {
    ++world.processes;
    world.is_silent = world.has_exited = false;
    world.service.heard(newest(world), true, world.now_ns);
  }
  static void hear_again(World& world) {
    if (world.has_exited || !world.is_silent) return;
    world.is_silent = false;
    world.service.heard(newest(world), false, world.now_ns);
  }
  static void fall_silent(World& world) {
    if (world.has_exited || world.is_silent) return;
    world.is_silent = true;
    world.service.failed(silence_of(newest(world)), world.now_ns);
  }
  static void exit(World& world, DownKind kind) {
    if (world.has_exited) return;
    world.has_exited = true;
    world.is_silent = false;
    world.service.failed(exit_of(newest(world), kind), world.now_ns);
  }
  static void crash(World& world) { exit(world, DownKind::Signal); }
  static void stop(World& world) { exit(world, DownKind::Clean); }
  static void look(World& world) {
    if (world.service.wake_ns() == Service::kNever) return;
    world.now_ns = std::max(world.now_ns, world.service.wake_ns());
    world.service.tick(world.now_ns);
  }
  static void act(World& world) {
    if (world.is_running || world.service.wants(world.now_ns) == nullptr) return;
    world.service.begun(world.now_ns);
    world.is_running = true;
  }
  static void refuse(World& world) {
    if (world.service.wants(world.now_ns) != nullptr) world.service.refused(world.now_ns);
  }
  static void refuse_for_good(World& world) {
    if (!world.is_running && world.service.wants(world.now_ns) == nullptr) return;
    world.is_running = false;
    world.service.give_up(world.now_ns);
  }
  static void reset(World& world) { world.service.reset(world.now_ns); }
  static void succeed(World& world) { end(world, true); }
  static void fail(World& world) { end(world, false); }
  static void end(World& world, bool was_successful) {
    if (!world.is_running) return;
    world.is_running = false;
    world.service.ended(was_successful, world.now_ns, world.now_ns + kSecond);
  }

  static constexpr Input kInputs[] = {
      hear_new, hear_again, fall_silent, crash,           stop, look, act,
      refuse,   succeed,    fail,        refuse_for_good, reset};

  // Whether it is as it has to be, and what becomes of it when everything fails from now on.
  static bool holds(const World& world) {
    const Service& service = world.service;
    const bool wants = service.wants(world.now_ns) != nullptr;
    if (wants && service.state() == State::Healthy) return false;
    if (wants && world.is_running) return false;
    if (service.attempt() > kRules.attempts) return false;
    if (world.is_silent && service.state() == State::Healthy) return false;
    return comes_to_rest(world);
  }
  static bool comes_to_rest(World world) {
    for (std::uint32_t i = 0; i < 10 * kRules.attempts; ++i) {
      const State state = world.service.state();
      if (state == State::Healthy || state == State::GivenUp) return true;
      if (world.is_running) fail(world);
      look(world);
      act(world);
    }
    return false;
  }

  void explore(const World& world, std::size_t left) {
    if (HasFatalFailure()) return;
    for (std::size_t i = 0; i < std::size(kInputs); ++i) {
      World next = world;
      kInputs[i](next);
      ++explored_;
      path_.push_back(i);
      ASSERT_TRUE(holds(next)) << "after " << ::testing::PrintToString(path_) << ": "
                               << name(next.service.state());
      if (left > 1) explore(next, left - 1);
      path_.pop_back();
    }
  }

  static constexpr ServiceRules kRules{.steps = 2, .attempts = 2};
  std::vector<std::size_t> path_;
  std::uint64_t explored_ = 0;
};

TEST_P(EverySequence, EndsHealthyOrGivenUp) {
  const char* asked = std::getenv("HB_MODEL_LENGTH");
  const std::size_t length = asked != nullptr ? std::strtoul(asked, nullptr, 10) : 6;
  explore({.service = Service(kRules, GetParam(), 1)}, length);
  RecordProperty("explored", std::to_string(explored_));
}

INSTANTIATE_TEST_SUITE_P(OfServices, EverySequence, ::testing::Bool(), [](const auto& alone) {
  return alone.param ? "OfOneProcess" : "OfProcesses";
});

}  // namespace
}  // namespace hb::test
