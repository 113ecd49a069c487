// What a signal comes to, with real processes.
#include "recovery/signal_means.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "bpf/child.hpp"
#include "recovery/stalls.hpp"
#include "unit/fake_clock.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kT0 = 1'000;

class Signal : public testing::Test {
 protected:
  Signal() {
    EXPECT_TRUE(means_.hear(beat_of(pid(), 5, kT0 - 1)));
    EXPECT_TRUE(means_.hear(beat_of(pid(), 5, kT0 + 1)));
  }

  std::uint32_t pid() const { return static_cast<std::uint32_t>(child_.pid()); }

  RecoveryOutcome act() {
    EXPECT_FALSE(means_.refusal(stall_of(pid(), 5)));
    return means_.act(stall_of(pid(), 5), kT0).outcome;
  }

  FakeClock clock_{kT0};
  SignalMeans means_{SIGUSR1, clock_, 10, 1};
  Child child_ = Child::run([] { ::pause(); });
};

TEST_F(Signal, IsSentToTheProcess) {
  EXPECT_EQ(act(), RecoveryOutcome::Signalled);
  const int status = child_.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGUSR1);
}

TEST_F(Signal, IsSaidInTheRecord) {
  const AuditRecord record = means_.intent(stall_of(pid(), 5));
  EXPECT_EQ(record.kind, AuditRecord::Kind::Signal);
  EXPECT_EQ(record.signal, SIGUSR1);
}

TEST_F(Signal, FindsOneThatWasReapedGone) {
  const Stall stall = stall_of(pid(), 5);
  ::kill(child_.pid(), SIGKILL);
  child_.wait();
  EXPECT_FALSE(means_.refusal(stall));
  EXPECT_EQ(means_.act(stall, kT0).outcome, RecoveryOutcome::Gone);
  EXPECT_EQ(means_.refusal(stall), RecoveryRefusal::NoPidfd) << "the descriptor is closed";
}

// To a zombie the kernel would deliver without a word.
TEST_F(Signal, FindsAZombieGone) {
  ::kill(child_.pid(), SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child_.pid()), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(act(), RecoveryOutcome::Gone);
}

TEST_F(Signal, FailsWhenTheKernelRefusesIt) {
  SignalMeans wrong(1000, clock_, 10, 1);
  EXPECT_TRUE(wrong.hear(beat_of(pid(), 5, kT0 - 1)));
  EXPECT_TRUE(wrong.hear(beat_of(pid(), 5, kT0 + 1)));
  const RecoveryReport report = wrong.act(stall_of(pid(), 5), kT0);
  EXPECT_EQ(report.outcome, RecoveryOutcome::SignalFailed);
  EXPECT_NE(report.detail.find("Invalid argument"), std::string::npos) << report.detail;
}

TEST_F(Signal, IsRefusedToAProcessThatIsNotProven) {
  EXPECT_EQ(means_.refusal(stall_of(pid(), 6)), RecoveryRefusal::GenerationUnproven);
  EXPECT_EQ(means_.refusal(stall_of(1, 5)), RecoveryRefusal::NoPidfd);
}

}  // namespace
}  // namespace hb::test
