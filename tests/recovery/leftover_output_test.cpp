// What a command's background writes when the command has ended.
#include "tests/recovery/runner_fixture.hpp"

namespace hb::test {
namespace {

class Background : public Runner {
 protected:
  // Ends at once, and leaves somebody behind who waits for `go` and then does `work`, with the
  // command's output as its own.
  void leave_behind(const std::string& work) {
    const EndedCommand ended = end_of("(" + waiting() + "; " + work + ") & echo started");
    EXPECT_EQ(ended.exit.code, 0);
    EXPECT_EQ(ended.output, "started\n");
  }
  void go() const { std::ofstream file(go_); }
  // Not longer than the test.
  std::string waiting() const {
    return "while test -d " + directory_.path("") + " && ! test -e " + go_ +
           "; do sleep 0.01; done";
  }

  // As the loop does it, until the condition is met.
  template <typename Condition>
  bool looking(Condition condition) {
    return eventually([&] {
      runner_->look(clock_.now_ns());
      return condition();
    });
  }
  bool done() const { return std::filesystem::exists(done_); }

  const std::string go_ = directory_.path("go");
  const std::string done_ = directory_.path("done");
};

TEST_F(Background, CanWriteWhenTheCommandHasEnded) {
  leave_behind("echo x && head -c 1048576 /dev/zero && touch " + done_);
  EXPECT_EQ(runner_->leftovers(), 1U);
  EXPECT_EQ(runner_->running(), 0U);
  go();
  EXPECT_TRUE(looking([&] { return done(); })) << "no SIGPIPE, and nobody waits for us";
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; })) << "its output has ended";
  EXPECT_EQ(runner_->wake_ns(), Source::kNever);
}

TEST_F(Background, OfACommandThatWasEndedCanWriteAsWell) {
  constexpr std::uint64_t kTimeout_ns = 600'000 * kNsPerMs;
  restart({.timeout_ns = kTimeout_ns});
  const std::string begun = directory_.path("begun");
  shell("setsid sh -c 'touch " + begun + "; " + waiting() + "; echo x && touch " + done_ +
        "' & exec sleep 60");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(begun); }));
  runner_->look(clock_.now_ns() + kTimeout_ns);
  const auto ended = wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->why, EndedCommand::Why::Deadline);
  go();
  EXPECT_TRUE(looking([&] { return done(); }));
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

TEST_F(Background, ThatIsSilentLetsUsSleep) {
  leave_behind("true");
  runner_->look(clock_.now_ns());
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() == Source::kNever; }));
  pollfd polled{runner_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  go();
  EXPECT_GT(::poll(&polled, 1, -1), 0) << "woken by its end";
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

// So it costs some turns of the loop a second, however much it writes.
TEST_F(Background, ThatWritesWithoutEndLetsUsSleep) {
  leave_behind("exec yes");
  go();
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() != Source::kNever; }));
  const std::uint64_t wake_ns = runner_->wake_ns();
  pollfd polled{runner_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 50), 0) << "whatever waits in the pipe";
  runner_->look(wake_ns - 1);
  EXPECT_EQ(runner_->wake_ns(), wake_ns) << "not before its time";
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() > wake_ns + 1; })) << "but then it is read";
}

TEST_F(Background, DoesNotTakeTheRoomOfCommands) {
  restart({.max_running = 1});
  leave_behind("true");
  EXPECT_TRUE(runner_->has_room());
  EXPECT_EQ(end_of("exit 3").exit.code, 3);
  go();
}

TEST_F(Background, BeyondTheLimitIsLeftToItself) {
  std::vector<std::string> told;
  restart({.max_leftovers = 2, .warn = [&](const Error& error) { told.push_back(error.message); }});
  for (int i = 0; i < 2; ++i) leave_behind("true");
  EXPECT_EQ(told.size(), 0U);
  leave_behind("true");
  EXPECT_EQ(runner_->leftovers(), 2U);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("more than 2 ended commands"), std::string::npos) << told[0];
  go();
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

}  // namespace
}  // namespace hb::test
