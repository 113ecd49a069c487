// A process that may be writing its core dump is left alone. A tracer holds it in its last stop
// (PTRACE_EVENT_EXIT), as a dump that takes long would.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/recovery/run_recovery_fixture.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class RunCoreDump : public RunRecovery {
 protected:
  // It beats until it is told to abort.
  void begin_beating() {
    child_.emplace(Child::run([this] {
      const rlimit none{0, 0};
      ::setrlimit(RLIMIT_CORE, &none);
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      UnixAgent agent(socket_);
      for (std::uint64_t nonce = 1;; ++nonce) {
        [[maybe_unused]] const auto sent = agent.send(frame_of(own_pid(), nonce));
        ::usleep(20'000);
      }
    }));
    ASSERT_EQ(next_stop(), SIGSTOP);
    ::ptrace(PTRACE_SETOPTIONS, child_->pid(), nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    go_on();
  }

  void abort_and_hold() {
    ::kill(child_->pid(), SIGABRT);
    ASSERT_EQ(next_stop(), SIGABRT);
    go_on(SIGABRT);
    ASSERT_EQ(next_stop(), SIGTRAP | PTRACE_EVENT_EXIT << 8);
  }

  void TearDown() override { go_on(); }  // SIGKILL does not end it in its last stop

  int next_stop() {
    int status = 0;
    const bool stopped = ::waitpid(child_->pid(), &status, __WALL) > 0 && WIFSTOPPED(status);
    return stopped ? status >> 8 : 0;
  }
  void go_on(int signal = 0) { ::ptrace(PTRACE_CONT, child_->pid(), nullptr, signal); }

  void let_it_beat_here(ObserverProcess& observer) {
    for (int told = 0; told < 10;) {
      const Json event = observer.next_event();
      if (event.empty()) observer.give_up("the agent does not beat");
      told += event.value("event", "") == "beat" ? 1 : 0;
    }
  }

  std::optional<Child> child_;
};

TEST_F(RunCoreDump, IsNotDisturbed) {
  ObserverProcess observer = observe_with({"--recovery-signal", "KILL"});
  begin_beating();
  let_it_beat_here(observer);
  abort_and_hold();
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  observer.expect_logged("dumping_core");
  go_on();
  const Json stall = next(observer, "stall");
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall["exit_signal"], SIGABRT) << "and not the observer's SIGKILL";
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_refused_total", "dumping_core"), 1U);
  EXPECT_EQ(count(counters, "recovery_total", "signalled"), 0U);
}

TEST_F(RunCoreDump, IsDisturbedWhereNoTimeIsGivenToIt) {
  ObserverProcess observer =
      observe_with({"--recovery-signal", "KILL", "--recovery-core-wait-ms", "0"});
  begin_beating();
  let_it_beat_here(observer);
  abort_and_hold();
  next(observer, "stall");
  observer.expect_logged("signalled");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_refused_total", "dumping_core"), 0U);
}

}  // namespace
}  // namespace hb::test
