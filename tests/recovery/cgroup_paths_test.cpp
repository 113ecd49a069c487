// Paths of real cgroups, found by the real process. Time is the test's own: no test waits for it.
#include "recovery/cgroup_paths.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "observer/source.hpp"
#include "recovery/cgroup_walk.hpp"
#include "recovery/pidfd.hpp"
#include "tests/recovery/cgroup_tree.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

using Path = std::optional<std::string>;
using Answers = std::map<std::uint64_t, Path>;

constexpr std::uint64_t kNoSuchId = 0x7fff'ffff'ffff'ffff;
const std::string kNoPath = "no path";
const std::string kTakesAWalk = "takes a walk";

Result<> stay_as_it_is() { return ok(); }

std::size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// "CapEff", "Uid", ... of /proc/<pid>/status, or "" once the process has been reaped.
std::string status_of(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

bool is_readable(int fd, std::chrono::milliseconds patience) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, static_cast<int>(patience.count())) > 0;
}

class CgroupPathsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    HB_NEEDS(tree_.is_there(), "a cgroup v2 hierarchy to mount");
    config_.mount = tree_.mount();
    start();
  }

  void start(const PrepareWalker& prepare = stay_as_it_is) {
    paths_.reset();
    auto started = CgroupPaths::start(config_, prepare);
    ASSERT_TRUE(started) << started.error().message;
    paths_ = std::move(started).value();
  }

  // Of everything that is asked for, within the patience. nullopt: no answer.
  std::optional<CgroupAnswer> next() {
    auto answer = next_now();
    if (!answer && is_readable(paths_->fd(), kPatience)) answer = next_now();
    return answer;
  }

  std::optional<CgroupAnswer> next_now() { return paths_->next(now_ns_); }

  Answers answers(std::size_t count) {
    Answers all;
    eventually([&] {
      while (const auto answer = next_now()) all[answer->id] = answer->path;
      return all.size() >= count;
    });
    return all;
  }

  // Without waiting: the path, kNoPath, or kTakesAWalk.
  std::string known(std::uint64_t id) {
    EXPECT_TRUE(paths_->ask(id));
    const auto answer = next_now();
    return answer ? answer->path.value_or(kNoPath) : kTakesAWalk;
  }

  // By a walk, which has ended afterwards.
  Path find(std::uint64_t id) {
    now_ns_ += CgroupPaths::kAskAgain_ns;
    EXPECT_TRUE(paths_->ask(id));
    Path path = answers(1)[id];
    EXPECT_TRUE(eventually([&] { return !next_now() && paths_->wake_ns() == Source::kNever; }));
    return path;
  }

  [[nodiscard]] std::uint64_t walks() const { return paths_->counters().walks; }

  void kill_walker(int signal) const { ::kill(paths_->pid(), signal); }

  CgroupTree tree_;
  CgroupPaths::Config config_;
  std::unique_ptr<CgroupPaths> paths_;
  std::uint64_t now_ns_ = 1000 * kNsPerSecond;
};

TEST_F(CgroupPathsTest, AreFound) {
  const auto slice = tree_.make("/system.slice");
  const auto service = tree_.make("/system.slice/a\\x2db@c.service");
  EXPECT_EQ(find(service), tree_.path("/system.slice/a\\x2db@c.service"));
  EXPECT_EQ(find(slice), tree_.path("/system.slice"));
  EXPECT_EQ(paths_->counters().found, 2U);
}

TEST_F(CgroupPathsTest, OfAThousandAreFoundInOneWalk) {
  Answers expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "/" + std::to_string(i) + ".service";
    expected[tree_.make(name)] = tree_.path(name);
  }
  for (const auto& [id, path] : expected) EXPECT_TRUE(paths_->ask(id));
  EXPECT_EQ(answers(1000), expected);
  EXPECT_EQ(walks(), 1U);
}

TEST_F(CgroupPathsTest, AreAnsweredOnceHoweverOftenTheyAreAskedFor) {
  const auto id = tree_.make("/a");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(paths_->ask(id));
  ASSERT_FALSE(next_now());
  EXPECT_TRUE(paths_->ask(id));
  ASSERT_TRUE(next());
  EXPECT_FALSE(next_now());
}

TEST_F(CgroupPathsTest, OfRootsAreNullWithoutAWalk) {
  EXPECT_EQ(known(0), kNoPath);
  EXPECT_EQ(known(1), kNoPath);
  EXPECT_EQ(walks(), 0U);
}

TEST_F(CgroupPathsTest, AreKnownAfterwards) {
  const auto id = tree_.make("/a");
  EXPECT_EQ(known(id), kTakesAWalk);
  ASSERT_TRUE(next());
  EXPECT_EQ(known(id), tree_.path("/a"));
  tree_.remove_last();
  EXPECT_EQ(known(id), tree_.path("/a"));
  EXPECT_EQ(walks(), 1U);
}

TEST_F(CgroupPathsTest, OfACgroupThatIsMadeAnewAreItsOwn) {
  const auto old = tree_.make("/a");
  EXPECT_EQ(find(old), tree_.path("/a"));
  tree_.remove_last();
  const auto anew = tree_.make("/a");
  EXPECT_NE(anew, old);
  EXPECT_EQ(find(anew), tree_.path("/a"));
}

TEST_F(CgroupPathsTest, OfNobodyAreLookedForOnceASecond) {
  EXPECT_EQ(find(kNoSuchId), Path());
  now_ns_ += kNsPerSecond - 1;
  EXPECT_EQ(known(kNoSuchId), kNoPath);
  EXPECT_EQ(walks(), 1U);
  now_ns_ += 1;
  EXPECT_EQ(known(kNoSuchId), kTakesAWalk);
  EXPECT_EQ(answers(1), (Answers{{kNoSuchId, Path()}}));
  EXPECT_EQ(walks(), 2U);
  EXPECT_EQ(paths_->counters().not_found, 2U);
}

TEST_F(CgroupPathsTest, OfARemovedCgroupAreNull) {
  const auto id = tree_.make("/a");
  tree_.remove_last();
  EXPECT_EQ(find(id), Path());
}

TEST_F(CgroupPathsTest, AreWalkedForOnceInAHundredMilliseconds) {
  const auto first = tree_.make("/a");
  const auto second = tree_.make("/b");
  EXPECT_EQ(find(first), tree_.path("/a"));
  now_ns_ += CgroupPaths::kBetweenWalks_ns - 1;
  EXPECT_EQ(known(second), kTakesAWalk);
  EXPECT_EQ(walks(), 1U);
  EXPECT_EQ(paths_->wake_ns(), now_ns_ + 1);
  now_ns_ += 1;
  EXPECT_EQ(answers(1), (Answers{{second, tree_.path("/b")}}));
  EXPECT_EQ(walks(), 2U);
}

// A walk of 50 ms, by the test's clock, is followed by 150 ms without one.
TEST_F(CgroupPathsTest, AreWalkedForInAQuarterOfTheTime) {
  const auto first = tree_.make("/a");
  EXPECT_EQ(known(first), kTakesAWalk);
  now_ns_ += 50 * kNsPerMs;
  EXPECT_EQ(answers(1).size(), 1U);
  EXPECT_EQ(known(kNoSuchId), kTakesAWalk);
  EXPECT_TRUE(
      eventually([&] { return !next_now() && paths_->wake_ns() == now_ns_ + 150 * kNsPerMs; }));
}

TEST_F(CgroupPathsTest, ThatAreLeastUsedAreForgotten) {
  config_.capacity = 2;
  start();
  const auto a = tree_.make("/a");
  const auto b = tree_.make("/b");
  const auto c = tree_.make("/c");
  find(a);
  find(b);
  EXPECT_EQ(known(a), tree_.path("/a"));
  find(c);
  EXPECT_EQ(paths_->counters().forgotten, 1U);
  EXPECT_EQ(known(a), tree_.path("/a"));
  EXPECT_EQ(known(c), tree_.path("/c"));
  EXPECT_EQ(find(b), tree_.path("/b"));
  EXPECT_EQ(walks(), 4U);
}

TEST_F(CgroupPathsTest, AreRefusedWhenTooManyWait) {
  for (std::uint64_t i = 0; i < CgroupPaths::kMaxWaiting; ++i) {
    ASSERT_TRUE(paths_->ask(kNoSuchId - i));
  }
  EXPECT_TRUE(paths_->ask(kNoSuchId));
  EXPECT_FALSE(paths_->ask(tree_.make("/a")));
  EXPECT_EQ(paths_->counters().refused, 1U);
  EXPECT_EQ(answers(CgroupPaths::kMaxWaiting).size(), CgroupPaths::kMaxWaiting);
  EXPECT_EQ(walks(), 1U);
}

// --- The process fails ---

TEST_F(CgroupPathsTest, AreNullWhenTheProcessIsKilledDuringAWalk) {
  kill_walker(SIGSTOP);
  EXPECT_EQ(known(tree_.make("/a")), kTakesAWalk);
  kill_walker(SIGKILL);
  const auto answer = next();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->path, Path());
  ASSERT_TRUE(paths_->problem());
  EXPECT_NE(paths_->problem()->message.find("has ended"), std::string::npos);
  EXPECT_EQ(paths_->counters().unanswered, 1U);
}

TEST_F(CgroupPathsTest, AreNullAfterTheProcessIsKilledExceptWhatIsKnown) {
  const auto a = tree_.make("/a");
  find(a);
  kill_walker(SIGKILL);
  ASSERT_TRUE(is_readable(paths_->fd(), kPatience));
  now_ns_ += kNsPerSecond;
  EXPECT_FALSE(next_now());
  EXPECT_TRUE(paths_->problem());
  EXPECT_EQ(known(tree_.make("/b")), kNoPath);
  EXPECT_EQ(known(a), tree_.path("/a"));
  EXPECT_FALSE(is_readable(paths_->fd(), std::chrono::milliseconds(0)));
  EXPECT_EQ(paths_->wake_ns(), Source::kNever);
}

TEST_F(CgroupPathsTest, AreNullWhileAWalkIsOverdue) {
  const auto a = tree_.make("/a");
  const auto b = tree_.make("/b");
  kill_walker(SIGSTOP);
  EXPECT_EQ(known(a), kTakesAWalk);
  EXPECT_EQ(paths_->wake_ns(), now_ns_ + CgroupPaths::kPatience_ns);
  now_ns_ += CgroupPaths::kPatience_ns;
  EXPECT_EQ(answers(1), (Answers{{a, Path()}}));
  EXPECT_EQ(known(b), kNoPath);
  EXPECT_EQ(paths_->counters().unanswered, 2U);
  EXPECT_EQ(paths_->wake_ns(), Source::kNever);
  EXPECT_FALSE(paths_->problem());
  kill_walker(SIGCONT);
}

TEST_F(CgroupPathsTest, OfAnOverdueWalkAreKnownInTheEnd) {
  const auto a = tree_.make("/a");
  kill_walker(SIGSTOP);
  EXPECT_EQ(known(a), kTakesAWalk);
  now_ns_ += CgroupPaths::kPatience_ns;
  EXPECT_EQ(answers(1), (Answers{{a, Path()}}));
  kill_walker(SIGCONT);
  EXPECT_TRUE(eventually([&] {
    next_now();
    return paths_->counters().found == 1;
  }));
  EXPECT_EQ(known(a), tree_.path("/a"));
  EXPECT_EQ(find(tree_.make("/b")), tree_.path("/b"));
}

TEST_F(CgroupPathsTest, LeaveNoDescriptorOpen) {
  paths_.reset();
  const auto before = descriptors_of(::getpid());
  for (int i = 0; i < 3; ++i) {
    start();
    find(tree_.make("/" + std::to_string(i)));
    paths_.reset();
  }
  EXPECT_EQ(descriptors_of(::getpid()), before);
}

// Three standard ones, the socket, the hierarchy.
TEST_F(CgroupPathsTest, KeepFiveDescriptorsInTheProcess) {
  const Fd other(::open("/dev/null", O_RDONLY));  // inherited, as a fork takes all
  start();
  for (int i = 0; i < 3; ++i) find(tree_.make("/" + std::to_string(i)));
  EXPECT_EQ(descriptors_of(paths_->pid()), 5U);
}

TEST_F(CgroupPathsTest, NeedNoPrivilege) {
  start([]() -> Result<> {
    if (::setresgid(65532, 65532, 65532) == 0 && ::setresuid(65532, 65532, 65532) == 0) return ok();
    const int code = errno;
    return os_error(code, "setresuid");
  });
  tree_.make("/a");
  EXPECT_EQ(find(tree_.make("/a/b")), tree_.path("/a/b"));
  EXPECT_EQ(status_of(paths_->pid(), "Uid"), "65532\t65532\t65532\t65532");
}

TEST_F(CgroupPathsTest, AreFoundWithoutCapabilities) {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(status_of(paths_->pid(), set), "0000000000000000") << set;
  }
  EXPECT_EQ(status_of(paths_->pid(), "NoNewPrivs"), "1");
}

TEST_F(CgroupPathsTest, EndWithTheProcess) {
  const auto walker = open_pidfd(static_cast<std::uint32_t>(paths_->pid()));
  ASSERT_TRUE(walker);
  EXPECT_FALSE(has_exited(walker.value()));
  paths_.reset();
  EXPECT_TRUE(has_exited(walker.value()));
}

// Also one that is stopped, so that it cannot notice that its socket is closed.
TEST_F(CgroupPathsTest, EndTheProcessWithTheirOwn) {
  paths_.reset();
  for (const int signal : {SIGCONT, SIGSTOP}) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    Fd in(ends[1]);
    Child observer = Child::run([&] {
      start();
      const pid_t pid = paths_->pid();
      if (::write(in.get(), &pid, sizeof(pid)) != sizeof(pid)) ::_exit(1);
      for (;;) ::pause();
    });
    in.reset();
    pid_t pid = -1;
    ASSERT_EQ(::read(out.get(), &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
    const auto walker = open_pidfd(static_cast<std::uint32_t>(pid));
    ASSERT_TRUE(walker);
    ::kill(pid, signal);
    ASSERT_FALSE(has_exited(walker.value()));
    ::kill(observer.pid(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return has_exited(walker.value()); }));
  }
}

// A start that fails leaves nothing behind, neither a process nor a descriptor.
TEST_F(CgroupPathsTest, SayWhyTheyCannotStart) {
  paths_.reset();
  const auto before = descriptors_of(::getpid());
  const auto started = CgroupPaths::start(config_, [] { return Result<>(Error{"no such user"}); });
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "cannot prepare the cgroup process: no such user");
  EXPECT_EQ(descriptors_of(::getpid()), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(CgroupPathsTest, AreThoseOfTheMountThatIsFound) {
  config_.mount = "";
  HB_NEEDS(open_cgroup_root(""), "cgroup v2 at /sys/fs/cgroup or /sys/fs/cgroup/unified");
  start();
  EXPECT_EQ(find(tree_.make("/a")), tree_.path("/a"));
}

TEST(CgroupPathsStart, NeedsAV2Hierarchy) {
  const auto started = CgroupPaths::start({.mount = "/tmp"}, stay_as_it_is);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "there is no cgroup v2 hierarchy at /tmp");
}

}  // namespace
}  // namespace hb::test
