// What a signal comes to, with real processes: of the agent's user, of others, and of none.
#include "recovery/signal_means.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

constexpr std::uint32_t kAgent = 65533;
constexpr std::uint64_t kSecond = 1'000'000'000;

// An agent that becomes `uid` and lives until it is signalled.
Child agent_of(std::uint32_t uid) {
  int ready[2];
  EXPECT_EQ(::pipe(ready), 0);
  Child child = Child::run([&] {
    if (uid != ::getuid() && ::setresuid(uid, uid, uid) != 0) ::_exit(70);
    ::close(ready[0]);
    ::close(ready[1]);
    ::pause();
  });
  ::close(ready[1]);
  char none = 0;
  EXPECT_EQ(::read(ready[0], &none, 1), 0) << "it has become who it is to be";
  ::close(ready[0]);
  return child;
}

class Signal : public testing::Test {
 protected:
  static constexpr int kSignal = SIGUSR1;

  void open(SignalAuthority authority = {::getuid(), ::geteuid() == 0, true},
            int signal = kSignal) {
    auto started = Signaller::start([authority] { return authority; });
    ASSERT_TRUE(started) << started.error().message;
    signaller_ = started.value().get();
    step_.what = signal;
    const PidfdTable::Config pidfds{.capacity = 10, .seed = 1};
    means_.emplace(std::move(started).value(), std::make_shared<PidfdTable>(clock_, pidfds));
  }

  // Two stamps, so that its pidfd is proven.
  void prove(const Child& child) {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(means_->hear(beat_of(pid(child), 5, clock_.now_ns())));
  }
  static std::uint32_t pid(const Child& child) { return static_cast<std::uint32_t>(child.pid()); }
  static Stall stall(const Child& child, std::optional<std::uint32_t> uid = ::getuid()) {
    return stall_of(pid(child), 5, uid);
  }

  RecoveryMeans::Ended act(const Stall& stall) {
    EXPECT_EQ(means_->refusal(about(stall, step_)), std::nullopt);
    if (auto done = means_->act(about(stall, step_), clock_.now_ns())) return *done;
    std::optional<RecoveryMeans::Ended> ended;
    EXPECT_TRUE(eventually([&] { return (ended = means_->next(clock_.now_ns())).has_value(); }));
    return ended.value_or(RecoveryReport{RecoveryOutcome::DryRun, stall});
  }
  static std::string name_of(const RecoveryMeans::Ended& ended) {
    if (const auto* denied = std::get_if<DeniedAct>(&ended)) return name(denied->reason);
    return name(std::get<RecoveryReport>(ended).outcome);
  }
  // A process of `now` that was stamped as `stamped` stalls: what came of it. One that was
  // signalled ends, but not at once.
  std::string signal_to(std::uint32_t now, std::uint32_t stamped) {
    Child child = agent_of(now);
    prove(child);
    const std::string came = name_of(act(stall(child, stamped)));
    const int patience = came == "signalled" ? 0 : WNOHANG;
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT | patience);
    return came + (info.si_pid == 0 ? ", lives" : ", ended");
  }

  bool is_fd_ready() const {
    pollfd polled{means_->fd(), POLLIN, 0};
    return ::poll(&polled, 1, 0) > 0;
  }

  MonotonicClock clock_;
  std::optional<SignalMeans> means_;
  Step step_;
  Signaller* signaller_ = nullptr;
};

TEST_F(Signal, IsSentToTheProcess) {
  open();
  Child child = agent_of(::getuid());
  prove(child);
  EXPECT_EQ(name_of(act(stall(child))), "signalled");
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), kSignal);
}

TEST_F(Signal, IsSaidInTheRecord) {
  open();
  const AuditRecord record = means_->intent(about(stall_of(7), step_));
  EXPECT_EQ(record.kind, AuditRecord::Kind::Signal);
  EXPECT_EQ(record.signal, kSignal);
}

// --- Whose authority ---

class Authority : public Signal {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    open({0, true, true}, SIGKILL);
  }
};

TEST_F(Authority, OfTheAgentsUserIsEnoughForAnAgentThatHasNotChanged) {
  EXPECT_EQ(signal_to(kAgent, kAgent), "signalled, ended");
}

// An agent executed a setuid program, and the observer's KILL hit a process of root.
TEST_F(Authority, OfTheAgentsUserIsNotEnoughForAProcessThatHasBecomeRoot) {
  EXPECT_EQ(signal_to(0, kAgent), "credentials_changed, lives");
}

TEST_F(Authority, OfTheAgentsUserIsNotEnoughForAProcessThatHasBecomeAnotherUser) {
  EXPECT_EQ(signal_to(kAgent + 1, kAgent), "credentials_changed, lives");
}

TEST_F(Authority, OfRootIsEnoughForAProcessThatHasDroppedToAUser) {
  EXPECT_EQ(signal_to(kAgent, 0), "signalled, ended");
}

TEST_F(Authority, IsToldInWhatTheAuditTrailKeeps) {
  const Child child = agent_of(0);
  prove(child);
  const auto ended = act(stall(child, kAgent));
  const auto& denied = std::get<DeniedAct>(ended);
  EXPECT_EQ(denied.record.signal, SIGKILL);
  EXPECT_EQ(denied.stall.pid, pid(child));
}

TEST_F(Signal, IsRefusedWhereTheObserverCannotActAsTheUser) {
  open({.own_uid = kAgent, .any_uid = false, .uids_are_initial = true});
  const Child child = agent_of(::getuid());
  prove(child);
  EXPECT_EQ(means_->refusal(about(stall(child, kAgent), step_)), std::nullopt);
  EXPECT_EQ(means_->refusal(about(stall(child, kAgent + 1), step_)),
            RecoveryRefusal::CannotActAsUid);
  EXPECT_EQ(means_->refusal(about(stall(child, std::nullopt), step_)), RecoveryRefusal::UidUnknown);
}

TEST_F(Signal, IsRefusedWhereUidsMeanSomethingElse) {
  open({.own_uid = ::getuid(), .any_uid = true, .uids_are_initial = false});
  const Child child = agent_of(::getuid());
  prove(child);
  EXPECT_EQ(means_->refusal(about(stall(child), step_)), RecoveryRefusal::CannotActAsUid);
}

TEST_F(Signal, IsRefusedToAProcessThatIsNotProven) {
  open();
  const Child child = agent_of(::getuid());
  prove(child);
  EXPECT_EQ(means_->refusal(about(stall_of(pid(child), 6, ::getuid()), step_)),
            RecoveryRefusal::GenerationUnproven);
  EXPECT_EQ(means_->refusal(about(stall_of(1, 5, ::getuid()), step_)), RecoveryRefusal::NoPidfd);
}

// --- Who is gone ---

TEST_F(Signal, FindsOneThatWasReapedGone) {
  open();
  Child child = agent_of(::getuid());
  const Stall stalled = stall(child);
  prove(child);
  ::kill(child.pid(), SIGKILL);
  child.wait();
  EXPECT_EQ(name_of(act(stalled)), "gone");
  EXPECT_EQ(means_->refusal(about(stalled, step_)), RecoveryRefusal::NoPidfd)
      << "the descriptor is closed";
}

// To a zombie the kernel would deliver without a word.
TEST_F(Signal, FindsAZombieGone) {
  open();
  Child child = agent_of(::getuid());
  prove(child);
  ::kill(child.pid(), SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(name_of(act(stall(child))), "gone");
}

TEST_F(Signal, FailsWhenTheKernelRefusesIt) {
  open({::getuid(), false, true}, 1000);
  const Child child = agent_of(::getuid());
  prove(child);
  const auto ended = act(stall(child));
  const auto& report = std::get<RecoveryReport>(ended);
  EXPECT_EQ(report.outcome, RecoveryOutcome::SignalFailed);
  EXPECT_NE(report.detail.find("Invalid argument"), std::string::npos) << report.detail;
}

// --- The process that sends ---

TEST_F(Signal, IsNotSentAfterItsDeadline) {
  open();
  const Child child = agent_of(::getuid());
  prove(child);
  const std::uint64_t long_ago = clock_.now_ns() - 2 * Signaller::kPatience_ns;
  EXPECT_EQ(means_->act(about(stall(child), step_), long_ago), std::nullopt);
  std::optional<RecoveryMeans::Ended> ended;
  EXPECT_TRUE(eventually([&] { return (ended = means_->next(long_ago)).has_value(); }));
  EXPECT_EQ(name_of(*ended), "signal_unanswered");
  EXPECT_EQ(name_of(act(stall(child))), "signalled") << "it lived until now";
}

TEST_F(Signal, IsGivenUpWhenTheSignallerIsStopped) {
  open();
  const Child child = agent_of(::getuid());
  prove(child);
  ::kill(signaller_->pid(), SIGSTOP);
  const std::uint64_t now_ns = clock_.now_ns();
  EXPECT_EQ(means_->act(about(stall(child), step_), now_ns), std::nullopt);
  EXPECT_EQ(means_->next(now_ns), std::nullopt);
  EXPECT_EQ(means_->running(), 1U);
  const std::uint64_t wake_ns = means_->wake_ns();
  EXPECT_LE(wake_ns, now_ns + Signaller::kPatience_ns + kSecond);
  const auto ended = means_->next(wake_ns);
  ASSERT_TRUE(ended);
  EXPECT_EQ(name_of(*ended), "signal_unanswered");
  EXPECT_EQ(means_->running(), 0U);
}

TEST_F(Signal, FailsWhenTheSignallerHasEnded) {
  open();
  const Child child = agent_of(::getuid());
  prove(child);
  ::kill(signaller_->pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return is_fd_ready(); })) << "which wakes the loop";
  EXPECT_EQ(name_of(act(stall(child))), "signal_failed");
  EXPECT_FALSE(is_fd_ready()) << "but does not keep it awake";
  EXPECT_FALSE(means_->hear(beat_of(pid(child), 5, clock_.now_ns()))) << "and is told";
  EXPECT_EQ(name_of(act(stall(child))), "signal_failed");
}

TEST_F(Signal, EndsWithoutAnAnswerWhenTheObserverEnds) {
  open();
  const Child child = agent_of(::getuid());
  prove(child);
  ::kill(signaller_->pid(), SIGSTOP);
  means_->act(about(stall(child), step_), clock_.now_ns());
  means_->kill_all();
  const auto ended = means_->next(clock_.now_ns());
  ASSERT_TRUE(ended);
  EXPECT_EQ(name_of(*ended), "signal_unanswered");
}

TEST_F(Signal, IsSentToAHundredAtOnce) {
  std::vector<Child> children;
  for (int i = 0; i < 100; ++i) children.push_back(agent_of(::getuid()));
  const PidfdTable::Config pidfds{.capacity = 100, .seed = 1};
  step_.what = kSignal;
  auto started = Signaller::start([] { return SignalAuthority{::getuid(), false, true}; });
  means_.emplace(std::move(started).value(), std::make_shared<PidfdTable>(clock_, pidfds));
  for (const Child& child : children) {
    prove(child);
    means_->act(about(stall(child), step_), clock_.now_ns());
  }
  int signalled = 0;
  EXPECT_TRUE(eventually([&] {
    while (const auto ended = means_->next(clock_.now_ns())) {
      signalled += name_of(*ended) == "signalled" ? 1 : 0;
    }
    return means_->running() == 0;
  }));
  EXPECT_EQ(signalled, 100);
}

// Who stops the senders of its signals must not keep those of others from being sent.
TEST_F(Signal, OfOneUserCanHoldUpOnlySoMany) {
  HB_NEEDS_ROOT();
  open();
  const Child child = agent_of(kAgent);
  prove(child);
  ::kill(signaller_->pid(), SIGSTOP);
  int under_way = 0;
  for (; !means_->refusal(about(stall(child, kAgent), step_)) && under_way < 1000; ++under_way) {
    means_->act(about(stall(child, kAgent), step_), clock_.now_ns());
  }
  EXPECT_EQ(under_way, 50);
  EXPECT_EQ(means_->refusal(about(stall(child, kAgent), step_)), RecoveryRefusal::TooManyRunning);
  EXPECT_EQ(means_->refusal(about(stall(child, kAgent + 1), step_)), std::nullopt);
  EXPECT_EQ(means_->refusal(about(stall(child, 0), step_)), std::nullopt);
}

TEST(SignallerStart, SaysWhyItCannot) {
  const auto started = Signaller::start([]() -> Result<SignalAuthority> {
    return Error{"there is no such user", EPERM};
  });
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("there is no such user"), std::string::npos);
}

}  // namespace
}  // namespace hb::test
