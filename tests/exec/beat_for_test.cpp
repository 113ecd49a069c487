// An observer sees a program that cannot beat, by `hb-ebpf exec --beat-for`.
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {
namespace {

class BeatFor : public ::testing::Test {
 protected:
  void observe(const std::string& threshold_ms) {
    observer_.emplace(socket_, Argv{"--threshold-ms", threshold_ms});
  }

  void run(Argv flags, const std::string& script) {
    flags.insert(flags.begin(), {"exec", "--socket", socket_, "--beat-for", "--interval-ms", "20"});
    flags.insert(flags.end(), {"--", "/bin/sh", "-c", script});
    program_.emplace(hb_ebpf(flags));
  }

  Json next(const std::string& event, const std::string& cause = "") {
    for (Json seen = observer_->next_event(); !seen.empty(); seen = observer_->next_event()) {
      const bool is_it = seen.value("event", "") == event;
      if (is_it && (cause.empty() || seen.value("cause", "") == cause)) return seen;
    }
    observer_->give_up("no " + event + " " + cause);
  }

  bool is_told(const std::string& part) {
    while (const auto line = program_->next_error()) {
      if (line->find(part) != std::string::npos) return true;
    }
    return false;
  }

  void touch(const std::string& name) { std::ofstream(directory_.path(name)) << ""; }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
  std::optional<ObserverProcess> observer_;
  std::optional<Process> program_;
};

TEST_F(BeatFor, AProgramBeatsAsLongAsItLives) {
  observe("600000");
  run({}, "until test -e " + directory_.path("end") + "; do sleep 0.02; done");
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    const Json beat = next("beat");
    EXPECT_EQ(beat["pid"], program_->pid());
    EXPECT_EQ(beat["nonce"], nonce);
    EXPECT_EQ(beat["origin"], "kernel_attested");
  }
  touch("end");
  const Json stall = next("stall", "exited");
  EXPECT_EQ(stall.value("exit_code", -1), 0) << stall;
  EXPECT_FALSE(stall.contains("last_word")) << stall;
  EXPECT_EQ(program_->wait(), 0);
}

// The observer's silence is the check's failure.
TEST_F(BeatFor, WithoutItsCheckThereIsSilence) {
  observe("1000");
  run({"--check", "test -e " + directory_.path("works")}, "exec sleep 1000");
  EXPECT_TRUE(is_told("it ended with 1: no beat until it holds"));
  touch("works");
  EXPECT_EQ(next("beat")["nonce"], 1) << "the first, so there was none before";
  std::filesystem::remove(directory_.path("works"));
  EXPECT_EQ(next("stall", "silence")["pid"], program_->pid());
  touch("works");
  EXPECT_EQ(next("beat")["pid"], program_->pid());
}

TEST_F(BeatFor, ACheckThatHangsIsOneThatFails) {
  observe("1000");
  run({"--check", "test ! -e " + directory_.path("hangs") + " || exec sleep 1000",
       "--check-timeout-ms", "1000"},
      "exec sleep 1000");
  next("beat");
  touch("hangs");
  EXPECT_TRUE(is_told("no answer within 1000 ms: no beat until it holds"));
  EXPECT_EQ(next("stall", "silence")["pid"], program_->pid());
}

TEST_F(BeatFor, AStoppedProgramIsSilent) {
  observe("1000");
  run({}, "echo $$; exec sleep 1000");
  const auto line = program_->next_line();
  ASSERT_TRUE(line);
  const pid_t child = std::atoi(line->c_str());
  next("beat");
  ::kill(child, SIGSTOP);
  EXPECT_EQ(next("stall", "silence")["pid"], program_->pid());
  ::kill(child, SIGCONT);
  EXPECT_EQ(next("beat")["pid"], program_->pid());
}

TEST_F(BeatFor, AFailureIsALastWordAndThenTheEnd) {
  observe("600000");
  run({}, "until test -e " + directory_.path("end") + "; do sleep 0.02; done; exit 7");
  next("beat");
  touch("end");
  const Json stall = next("stall", "exited");
  EXPECT_EQ(stall.value("last_word", false), true) << stall;
  EXPECT_EQ(stall.value("exit_code", -1), 7) << stall;
  EXPECT_EQ(program_->wait(), 7);
}

// A virtual machine writes its threads at SIGQUIT, and goes on.
TEST_F(BeatFor, ASignalThatDidNotEndItExplainsNoFailure) {
  observe("600000");
  run({}, "trap 'touch " + directory_.path("asked") + "' QUIT\necho ready\n" + "until test -e " +
              directory_.path("asked") + "; do sleep 0.02; done\n" + "kill -SEGV $$");
  ASSERT_EQ(program_->next_line(), "ready");
  next("beat");
  program_->signal(SIGQUIT);
  const Json stall = next("stall", "exited");
  EXPECT_EQ(stall.value("last_word", false), true) << stall;
  EXPECT_EQ(program_->wait(), 128 + SIGSEGV);
}

// Nobody has begun to beat, so there is no agent whose end a policy could act on.
TEST_F(BeatFor, WhatCannotBeExecutedIsNoAgent) {
  observe("600000");
  program_.emplace(hb_ebpf({"exec", "--socket", socket_, "--beat-for", "--", "/no/such/program"}));
  EXPECT_EQ(program_->wait(), 127);
  run({"--check", "false"}, "exit 3");
  EXPECT_EQ(program_->wait(), 3);
  EXPECT_EQ(observer_->stop()["receptions_total"], 0);
}

TEST_F(BeatFor, AnEndThatWasAskedForIsNone) {
  observe("600000");
  run({}, "exec sleep 1000");
  next("beat");
  program_->signal(SIGTERM);
  const Json stall = next("stall", "exited");
  EXPECT_FALSE(stall.contains("last_word")) << stall;
  EXPECT_EQ(program_->wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace hb::test
