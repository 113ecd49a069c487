// The race that pids lose: between a stall and what is done about it, the pid becomes somebody
// else's. The newcomer must survive, every time. Needs root (clone3 with set_tid).
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#include <cerrno>

#include "observer/clock.hpp"
#include "recovery/recovery.hpp"
#include "recovery/signal_means.hpp"
#include "tests/recovery/fakes.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

constexpr int kRounds = 1000;
constexpr std::uint64_t kPatience_ns = 10'000'000'000;
constexpr int kAttempts = 100;  // somebody else on this host may be faster to take the pid

// A process that lives until it is killed, with this pid if it is free. -1: it is not, see errno.
pid_t start(pid_t pid = 0) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (pid != 0) {
    arguments.set_tid = reinterpret_cast<std::uintptr_t>(&pid);
    arguments.set_tid_size = 1;
  }
  const long made = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (made == 0) {
    for (;;) ::pause();
  }
  return static_cast<pid_t>(made);
}

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

bool was_hit(pid_t pid) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == pid;
}

class Race : public testing::Test {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    const pid_t pid = start();
    end(pid);
    const pid_t heir = start(pid);
    const int code = errno;
    if (heir > 0) end(heir);
    HB_NEEDS(heir > 0 || code != EPERM, "to choose pids (clone3 set_tid)");
  }

  Race() {
    Recovery::Config config;
    config.policy.signals = true;
    config.policy.observer_ns_inode = kHome;
    config.policy.debounce_ns = 0;
    config.policy.budget = {.acts = 2 * kRounds, .window_ns = 1};
    ServicePolicy kill;
    kill.steps = {Step{SIGKILL}};
    config.services.policies = Policies({kill});
    recovery_.emplace(config, means(), nullptr, clock_, nullptr, listener_);
  }

  std::unique_ptr<SignalMeans> means() {
    auto signaller = Signaller::start([] { return SignalAuthority{::getuid(), true, true}; });
    return std::make_unique<SignalMeans>(
        std::move(signaller).value(),
        std::make_shared<PidfdTable>(clock_, PidfdTable::Config{.capacity = 16, .seed = 1}));
  }

  // A beat of process `generation` that is sent and heard now.
  void beat(pid_t pid, std::uint64_t generation) {
    recovery_->hear(beat_of(static_cast<std::uint32_t>(pid), generation, clock_.now_ns()));
  }
  void stall(pid_t pid, std::uint64_t generation) {
    recovery_->handle(stall_of(static_cast<std::uint32_t>(pid), generation, ::getuid()));
  }

  // Rounds of `before` (an agent lives; told its pid and generation), then its pid is a newcomer's,
  // then `after`. How many newcomers were hit.
  template <typename Before, typename After>
  int newcomers_hit(Before before, After after) {
    int hit = 0;
    int attempts = 0;
    for (int round = 0; round < kRounds;) {
      const auto generation = static_cast<std::uint64_t>(2 * ++attempts);
      const pid_t agent = start();
      before(agent, generation);
      end(agent);
      const pid_t newcomer = start(agent);
      if (newcomer < 0) {
        if (attempts - round > kAttempts) ADD_FAILURE() << "the pid is never free";
        if (attempts - round > kAttempts) return hit;
        continue;
      }
      after(newcomer, generation);
      hit += was_hit(newcomer) ? 1 : 0;
      end(newcomer);
      ++round;
    }
    return hit;
  }

  std::uint64_t count(RecoveryOutcome outcome) { return recovery_->counters().outcomes[outcome]; }
  std::uint64_t count(RecoveryRefusal reason) { return recovery_->counters().refusals[reason]; }

  Log log_;
  FakeListener listener_{log_};
  MonotonicClock clock_;
  std::optional<Recovery> recovery_;
};

// The agent was proven, so the stall is acted upon; the pidfd knows that it has gone.
TEST_F(Race, SparesWhoGotThePidOfAProvenAgent) {
  const int hit = newcomers_hit(
      [&](pid_t pid, std::uint64_t generation) {
        beat(pid, generation);
        beat(pid, generation);
      },
      [&](pid_t pid, std::uint64_t generation) { stall(pid, generation); });
  EXPECT_EQ(hit, 0);
  EXPECT_GE(count(RecoveryOutcome::Gone), static_cast<std::uint64_t>(kRounds));
  EXPECT_EQ(count(RecoveryOutcome::Signalled), 0U);
}

// The agent's beats are read when it is dead: the pidfd that is opened then is the newcomer's own,
// and nothing but the missing proof protects it.
TEST_F(Race, SparesWhoGotThePidBeforeTheFirstBeatWasRead) {
  std::uint64_t sent_ns = 0;
  const int hit = newcomers_hit([&](pid_t, std::uint64_t) { sent_ns = clock_.now_ns(); },
                                [&](pid_t pid, std::uint64_t generation) {
                                  const auto number = static_cast<std::uint32_t>(pid);
                                  recovery_->hear(beat_of(number, generation, sent_ns));
                                  recovery_->hear(beat_of(number, generation, sent_ns + 1));
                                  stall(pid, generation);
                                });
  EXPECT_EQ(hit, 0);
  EXPECT_EQ(count(RecoveryRefusal::GenerationUnproven), static_cast<std::uint64_t>(kRounds));
}

// The newcomer is an agent too, and well; it is the old one that stalls.
TEST_F(Race, SparesANewcomerThatBeatsItself) {
  const int hit = newcomers_hit(
      [&](pid_t pid, std::uint64_t generation) {
        beat(pid, generation);
        beat(pid, generation);
      },
      [&](pid_t pid, std::uint64_t generation) {
        beat(pid, generation + 1);
        beat(pid, generation + 1);
        stall(pid, generation);
      });
  EXPECT_EQ(hit, 0);
  EXPECT_EQ(count(RecoveryRefusal::GenerationUnproven), static_cast<std::uint64_t>(kRounds));
}

// What the test is worth: a signal by the pid hits the newcomer every time.
TEST_F(Race, KillsTheNewcomerWhenDoneByPid) {
  const int hit = newcomers_hit([](pid_t, std::uint64_t) {},
                                [](pid_t pid, std::uint64_t) {
                                  ::kill(pid, SIGKILL);
                                  siginfo_t info{};
                                  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
                                });
  EXPECT_EQ(hit, kRounds);
}

// And a living agent that stalls is hit by its pidfd.
TEST_F(Race, HitsTheAgentItself) {
  const pid_t agent = start();
  beat(agent, 1);
  beat(agent, 1);
  stall(agent, 1);
  int status = 0;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  recovery_->finish(kPatience_ns);
  EXPECT_EQ(count(RecoveryOutcome::Signalled), 1U);
}

}  // namespace
}  // namespace hb::test
