// What a keeper holds for its program, when it starts it again, and whom it believes.
#include <sys/stat.h>

#include <fstream>

#include "keep/descriptor_store.hpp"
#include "tests/keep/keeper_fixture.hpp"
#include "tests/support/pipe.hpp"

namespace hb::test {
namespace {

const Argv kPutAndWait = {"put", "ring", "hello", "say", "READY=1", "wait"};

TEST_F(Keeping, WhatAKilledProgramHadGivenIsPassedToTheNext) {
  keep({}, kPutAndWait);
  const Life first = next_life();
  EXPECT_EQ(first.passed, "");
  // Killed before it has put anything, it would begin anew.
  keeper_->signal(SIGUSR1);
  EXPECT_EQ(keeper_->next_line(), "SIGUSR1");
  ::kill(first.pid, SIGKILL);
  const Life second = next_life();
  EXPECT_EQ(second.passed, "ring hello;");
  EXPECT_NE(second.pid, first.pid);
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, WhatWasGivenJustBeforeTheEndIsPassedToo) {
  keep({}, {"put", "a", "1", "put", "b", "2", "exit", "7", "then", "wait"});
  EXPECT_EQ(next_life().passed, "");
  EXPECT_EQ(next_life().passed, "a 1;b 2;");
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, WhatWasTakenBackIsNotPassed) {
  keep({}, {"put", "a", "1", "put", "b", "2", "remove", "a", "exit", "7", "then", "wait"});
  next_life();
  EXPECT_EQ(next_life().passed, "b 2;");
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, MoreThanItsBoundIsNotKept) {
  Argv program;
  for (int i = 0; i < 66; ++i) program.insert(program.end(), {"put", std::to_string(i), "x"});
  program.insert(program.end(), {"exit", "7", "then", "wait"});
  keep({}, program);
  next_life();
  const std::string passed = next_life().passed;
  EXPECT_EQ(std::count(passed.begin(), passed.end(), ';'), 64);
  EXPECT_TRUE(is_told("'64' is not kept"));
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, NamesThatAreNoneAreNotKept) {
  keep({}, {"say", "FDSTORE=1\nFDNAME=a:b", "put", "c", "3", "exit", "7", "then", "wait"});
  next_life();
  EXPECT_EQ(next_life().passed, "c 3;");
  EXPECT_TRUE(is_told("its name is none"));
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, OthersThanTheProgramAreNotBelieved) {
  keep({}, {"put", "a", "1", "wait", "then", "wait"});
  const Life first = next_life();
  auto socket = keep::NotifySocket::connect_to(first.notify_socket);
  ASSERT_TRUE(socket) << socket.error().message;
  keep::DescriptorStore store(socket.value());
  const Pipe pipe;
  const int descriptor = pipe.out();
  ASSERT_TRUE(store.put("hostile", {&descriptor, 1}));
  ASSERT_TRUE(store.remove("a"));
  ASSERT_TRUE(is_told("from pid " + std::to_string(::getpid())));
  keeper_->signal(SIGUSR1);  // what came before has been handled
  EXPECT_EQ(keeper_->next_line(), "SIGUSR1");
  ::kill(first.pid, SIGKILL);
  EXPECT_EQ(next_life().passed, "a 1;");
  EXPECT_EQ(stop(), 0);
}

TEST_F(Keeping, ItsSocketIsOutOfReachOfOtherUsers) {
  keep({}, {"wait"});
  const auto directory = std::filesystem::path(next_life().notify_socket).parent_path();
  struct stat seen {};
  ASSERT_EQ(::stat(directory.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0700U);
  EXPECT_EQ(stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST_F(Keeping, AProgramThatGoesOnFailingEndsTheKeeperWithItsCode) {
  keep({"--start-limit", "3"}, {"exit", "7"});
  for (int i = 0; i < 3; ++i) EXPECT_GT(next_life().pid, 0);
  EXPECT_EQ(keeper_->wait(), 7);
  EXPECT_EQ(keeper_->rest_of_output(), "");
}

TEST_F(Keeping, ACleanEndIsTheEnd) {
  keep({}, {"exit", "0"});
  EXPECT_EQ(keeper_->wait(), 0);
}

TEST_F(Keeping, ACleanEndIsNoneIfItIsAlwaysStartedAgain) {
  keep({"--restart", "always", "--start-limit", "3"}, {"exit", "0"});
  for (int i = 0; i < 3; ++i) EXPECT_GT(next_life().pid, 0);
  EXPECT_EQ(keeper_->wait(), 0);
}

TEST_F(Keeping, BadUsageIsNotTriedAgain) {
  keep({}, {"exit", "2"});
  EXPECT_GT(next_life().pid, 0);
  EXPECT_EQ(keeper_->wait(), 2);
  EXPECT_EQ(keeper_->rest_of_output(), "");
}

TEST_F(Keeping, AProgramThatIsNeverReadyIsKilled) {
  keep({"--ready-timeout-ms", "1", "--start-limit", "1"}, {"wait"});
  EXPECT_EQ(keeper_->wait(), 128 + SIGKILL);
  EXPECT_NE(keeper_->errors().find("was not ready in time"), std::string::npos);
}

TEST_F(Keeping, ASecondSignalKillsAProgramThatDoesNotEnd) {
  keep({}, {"hang"});
  ASSERT_GT(next_life().pid, 0);
  keeper_->signal(SIGTERM);
  ASSERT_TRUE(is_told("is to end"));
  keeper_->signal(SIGTERM);
  EXPECT_EQ(keeper_->wait(), 128 + SIGKILL);
}

TEST_F(Keeping, TheProgramEndsWithTheKeeper) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL), 0);
  keep({}, {"wait"});
  const Life life = next_life();
  keeper_->signal(SIGKILL);
  EXPECT_EQ(keeper_->wait(), 128 + SIGKILL);
  int status = -1;
  EXPECT_EQ(::waitpid(life.pid, &status, 0), life.pid);
  EXPECT_TRUE(WIFEXITED(status));
}

TEST_F(Keeping, AProgramThatCannotBeFoundIsRefused) {
  keep_this(directory_.path("none"), {}, {});
  EXPECT_EQ(keeper_->wait(), 1);
  EXPECT_NE(keeper_->errors().find("cannot start"), std::string::npos);
}

// An upgrade: another file at the program's path, then SIGHUP.
class Upgrading : public Keeping {
 protected:
  void SetUp() override {
    Keeping::SetUp();
    std::filesystem::copy_file(HB_KEPT_PROGRAM, program_);
  }

  void begin(const Argv& flags = {}) {
    keep_this(program_, flags, kPutAndWait);
    old_ = next_life().pid;
    keeper_->signal(SIGUSR1);  // so it has put what it puts
    EXPECT_EQ(keeper_->next_line(), "SIGUSR1");
  }

  // As a package does: a new file takes the name.
  void replace_by_script(const std::string& script) {
    const std::string fresh = program_ + ".new";
    std::ofstream(fresh) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(fresh, std::filesystem::perms::owner_all);
    std::filesystem::rename(fresh, program_);
  }

  void expect_the_old_one_again() {
    const Life life = next_life();
    EXPECT_GT(life.pid, 0);
    EXPECT_NE(life.pid, old_);
    EXPECT_EQ(life.passed, "ring hello;");
    EXPECT_EQ(stop(), 0);
  }

  const std::string program_ = directory_.path("program");
  pid_t old_ = -1;
};

TEST_F(Upgrading, TheNewProgramIsPassedWhatTheOldOneGave) {
  begin();
  replace_by_script("echo new; exec " HB_KEPT_PROGRAM " say READY=1 wait");
  keeper_->signal(SIGHUP);
  EXPECT_EQ(keeper_->next_line(), "new");
  EXPECT_EQ(next_life().passed, "ring hello;");
  EXPECT_TRUE(is_told("is ready as pid"));
  EXPECT_EQ(stop(), 0);
}

TEST_F(Upgrading, AProgramThatIsNeverReadyMakesRoomForTheOldOne) {
  begin({"--ready-timeout-ms", "4000"});  // for a machine under load, also the old one
  replace_by_script("echo new; exec sleep 1000");
  keeper_->signal(SIGHUP);
  EXPECT_EQ(keeper_->next_line(), "new");
  expect_the_old_one_again();
}

TEST_F(Upgrading, AProgramThatFailsMakesRoomForTheOldOne) {
  begin();
  replace_by_script("exit 2");
  keeper_->signal(SIGHUP);
  expect_the_old_one_again();
}

TEST_F(Upgrading, WithoutANewProgramTheOldOneGoesOn) {
  begin();
  std::filesystem::remove(program_);
  keeper_->signal(SIGHUP);
  EXPECT_TRUE(is_told("no upgrade"));
  EXPECT_EQ(::kill(old_, 0), 0);
  EXPECT_EQ(stop(), 0);
}

// A package may have put a new file there without asking for an upgrade yet.
TEST_F(Upgrading, AProgramThatCrashesIsStartedAgainItselfAndNotTheNewFile) {
  begin();
  replace_by_script("exit 2");
  ::kill(old_, SIGKILL);
  expect_the_old_one_again();
}

}  // namespace
}  // namespace hb::test
