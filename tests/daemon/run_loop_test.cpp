// The run loop with fake sources and members: the order of calls, what wakes it, what it does not
// poll, and what ends it. Nothing depends on timing.
#include "daemon/run_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>

#include "base/units.hpp"
#include "tests/observer/fake_source.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kThreshold_ns = 3'600'000 * kNsPerMs;
constexpr std::uint32_t kHome = 4026531836;
constexpr std::uint32_t kAway = 4026532177;

using Words = std::vector<std::string>;

// An agent's pid for a beat, else what happened.
std::string words(const Event& event) {
  if (const auto* beat = std::get_if<Beat>(&event)) return "beat " + std::to_string(beat->pid);
  if (std::holds_alternative<NamespaceConflict>(event)) return "namespace conflict";
  if (std::holds_alternative<Io>(event)) return "io";
  return "another event";
}

class Sink final : public EventSink {
 public:
  explicit Sink(LineWriter& out) : out_(out) {}
  void ready(const Ready& /*observer*/) override {}
  void write(const Event& event) override {
    told.push_back(words(event));
    if (writes) out_.write(told.back() + "\n");
  }
  bool loss(const Loss& /*loss*/) override { return true; }
  void reach(const ReachChange& /*change*/) override {}
  void stopped(const Totals& /*totals*/) override {}

  Words told;
  bool writes = false;

 private:
  LineWriter& out_;
};

class Member final : public LoopMember {
 public:
  void handle(const Event& event) override {
    told.push_back(words(event));
    if (on_event) on_event(event);
  }
  void tick(std::uint64_t now_ns) override {
    ++ticks;
    if (on_tick) on_tick(now_ns);
  }
  [[nodiscard]] int fd() const override { return wake_fd; }
  [[nodiscard]] std::uint64_t wake_ns() const override { return wake_at_ns; }
  [[nodiscard]] bool has_files() const override { return true; }
  void reopen() override { ++reopened; }
  void tell_counters() override { ++told_counters; }
  [[nodiscard]] std::optional<ExitCode> ends_with() const override { return ending; }

  Words told;
  int ticks = 0;
  int reopened = 0;
  int told_counters = 0;
  std::optional<ExitCode> ending;
  int wake_fd = -1;
  std::uint64_t wake_at_ns = Source::kNever;
  std::function<void(const Event&)> on_event;
  std::function<void(std::uint64_t)> on_tick;
};

// Has nothing to say, and says so after each look only at that instant.
class RestingSource final : public Source {
 public:
  std::optional<Reception> next(std::uint64_t /*now_ns*/) override { return std::nullopt; }
  [[nodiscard]] std::uint64_t horizon_ns() const override { return 0; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t /*now_ns*/) const override { return kNever; }
  [[nodiscard]] std::uint64_t poll_after_ns() const override { return kNever; }
};

Fd readable() {
  Fd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  EXPECT_TRUE(fd);
  return fd;
}

class RunLoopTest : public testing::Test {
 protected:
  RunLoopTest() { observer_.add(source_); }

  static void end() { ::raise(SIGTERM); }

  static Arrival beat(std::uint32_t pid, std::uint32_t ns_inode = kHome) {
    const Identity sender{
        .tgid = pid, .own_tgid = pid, .pid_ns_inode = ns_inode, .generation_ns = 1};
    return {vlp::encode({.pid = pid, .nonce = 1}), sender, BeatOrigin::KernelAttested};
  }

  ExitCode run() {
    RunLoop loop(observer_, clock_, sources_, signals_, sink_, out_, progress_, config_);
    for (Member* member : members_) loop.add(*member);
    const ExitCode code = loop.run();
    if (finishes_) loop.finish();
    return code;
  }

  // Comes after `delay_ns` and ends the loop then.
  void end_after(Member& member, std::uint64_t delay_ns) {
    const std::uint64_t then_ns = clock_.now_ns() + delay_ns;
    member.wake_at_ns = then_ns;
    member.on_tick = [then_ns](std::uint64_t now_ns) {
      if (now_ns >= then_ns) end();
    };
  }

  const MonotonicClock clock_;
  Signals signals_ = Signals::take().value();
  Words log_;
  FakeSource source_{"source", clock_.now_ns(), log_};
  Observer observer_{clock_,
                     {.threshold_ns = kThreshold_ns,
                      .tracker_capacity = 3,
                      .empty_pause_ns = 0,
                      .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false},
                      .seed = 1}};
  LineWriter out_{-1};
  Sink sink_{out_};
  Progress progress_;
  RunLoop::Config config_;
  const Fd frames_ = readable();
  std::vector<intake::PollSource> sources_{{.fd = frames_.get(), .source = &source_}};
  Member first_;
  Member second_;
  std::vector<Member*> members_{&first_, &second_};
  bool finishes_ = false;
};

TEST_F(RunLoopTest, EndsOnASignalThatCameBefore) {
  source_.deliver(beat(7));
  end();
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(sink_.told, Words{});
}

TEST_F(RunLoopTest, ReportsAtTheEndWhatHadCome) {
  source_.deliver(beat(7));
  end();
  finishes_ = true;
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(sink_.told, Words{"beat 7"});
  EXPECT_EQ(first_.told, Words{"beat 7"});
}

TEST_F(RunLoopTest, WritesTheStreamFirstThenCallsMembersInOrder) {
  Words order;
  first_.on_event = [&](const Event&) { order.push_back("first, after " + sink_.told.back()); };
  second_.on_event = [&](const Event&) { order.emplace_back("second"), end(); };
  source_.deliver(beat(7));
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(order, (Words{"first, after beat 7", "second"}));
}

TEST_F(RunLoopTest, HidesBeatsFromTheStreamAlone) {
  config_.beats = BeatsShown::None;
  first_.on_event = [](const Event&) { end(); };
  source_.deliver(beat(7));
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(sink_.told, Words{});
  EXPECT_EQ(first_.told, Words{"beat 7"});
}

TEST_F(RunLoopTest, StrictNamespaceCheckEndsOnANamespaceConflict) {
  config_.strict_namespace = true;
  source_.deliver(beat(7, kAway));
  source_.deliver(beat(8));
  EXPECT_EQ(run(), ExitCode::StrictNamespace);
  EXPECT_EQ(sink_.told, Words{"namespace conflict"});
}

TEST_F(RunLoopTest, ANamespaceConflictDoesNotEndItOtherwise) {
  first_.on_event = [](const Event& event) {
    if (std::holds_alternative<Beat>(event)) end();
  };
  source_.deliver(beat(7, kAway));
  source_.deliver(beat(8));
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(sink_.told, (Words{"namespace conflict", "beat 8"}));
}

TEST_F(RunLoopTest, EndsWhenItsTimeIsOver) {
  config_.end_ns = clock_.now_ns();
  EXPECT_EQ(run(), ExitCode::Success);
}

TEST_F(RunLoopTest, EndsWhenAMemberWantsItToAfterItsTick) {
  source_.deliver(beat(7));
  first_.ending = ExitCode::Failed;
  EXPECT_EQ(run(), ExitCode::Failed);
  EXPECT_EQ(first_.told, Words{"beat 7"});
  EXPECT_EQ(first_.ticks, 1);
  EXPECT_EQ(second_.ticks, 0);
}

TEST_F(RunLoopTest, WakesWhenAMemberWantsToBeWoken) {
  sources_.clear();
  end_after(second_, kNsPerMs);
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(first_.ticks, second_.ticks) << "every member is called after every wait";
}

TEST_F(RunLoopTest, WakesForAMembersDescriptor) {
  sources_.clear();
  const Fd wake = readable();
  first_.wake_fd = wake.get();
  first_.on_tick = [](std::uint64_t) { end(); };
  EXPECT_EQ(run(), ExitCode::Success);
}

TEST_F(RunLoopTest, OpensFilesAgainOnHangupAndGoesOn) {
  sources_.clear();
  ASSERT_TRUE(signals_.set_requests_apart());
  ::raise(SIGHUP);
  first_.on_tick = [](std::uint64_t) { end(); };
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(first_.reopened, 1);
  EXPECT_EQ(second_.reopened, 1);
}

TEST_F(RunLoopTest, TellsCountersOnSigusr1AndGoesOn) {
  sources_.clear();
  ASSERT_TRUE(signals_.set_requests_apart());
  ::raise(SIGUSR1);
  first_.on_tick = [](std::uint64_t) { end(); };
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_EQ(first_.told_counters, 1);
  EXPECT_EQ(second_.told_counters, 1);
  EXPECT_EQ(first_.reopened, 0);
}

// Its descriptor is always readable: a loop that polled it would turn thousands of times.
TEST_F(RunLoopTest, DoesNotPollASourceBeforePollAfterNs) {
  RestingSource resting;
  sources_ = {{.fd = frames_.get(), .source = &resting}};
  end_after(first_, 50 * kNsPerMs);
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_LE(first_.ticks, 3);
}

TEST_F(RunLoopTest, EmptiesAnEdgeTriggeredEpoll) {
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, frames_.get(), &event), 0);
  sources_ = {{.fd = epoll.get(), .source = nullptr, .is_epoll = true}};
  end_after(first_, 50 * kNsPerMs);
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_LE(first_.ticks, 4);
}

// A socket that failed is ready again at once.
TEST_F(RunLoopTest, PausesAfterASourceFailed) {
  constexpr std::uint64_t kRest_ns = 10 * kNsPerMs;
  source_.flood(ReceiveFailed{Error{"it failed", 5}});
  const std::uint64_t began_ns = clock_.now_ns();
  end_after(first_, 10 * kRest_ns);
  EXPECT_EQ(run(), ExitCode::Success);
  EXPECT_GT(sink_.told.size(), 0U);
  EXPECT_LE(sink_.told.size(), (clock_.now_ns() - began_ns) / kRest_ns + 1);
}

class StreamTest : public RunLoopTest {
 protected:
  StreamTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    ::signal(SIGPIPE, SIG_IGN);
  }

  ExitCode run_writing(LineWriter& out) {
    Sink sink(out);
    sink.writes = true;
    RunLoop loop(observer_, clock_, sources_, signals_, sink, out, progress_, config_);
    loop.add(first_);
    return loop.run();
  }

  Fd reader_;
  Fd writer_;
};

TEST_F(StreamTest, EndsWhenNobodyReadsAnyMore) {
  reader_.reset();
  LineWriter out(writer_.get());
  source_.deliver(beat(7));
  EXPECT_EQ(run_writing(out), ExitCode::Failed);
}

TEST_F(StreamTest, IsLostWhenItIsFullAndTheLoopGoesOn) {
  LineWriter out(writer_.get());
  out.never_wait(1);
  first_.on_event = [](const Event&) { end(); };
  source_.deliver(beat(7));
  for (std::string line(4096, 'x'); out.lost() == 0;) out.write(line);
  EXPECT_EQ(run_writing(out), ExitCode::Success);
}

TEST_F(StreamTest, EndsTheLoopWhenItIsFullAndThatWasWanted) {
  config_.end_when_stream_is_full = true;
  LineWriter out(writer_.get());
  out.never_wait(1);
  source_.deliver(beat(7));
  for (std::string line(4096, 'x'); out.lost() == 0;) out.write(line);
  EXPECT_EQ(run_writing(out), ExitCode::Failed);
}

}  // namespace
}  // namespace hb::daemon
