// An observer that loses its path notices it, takes it back, and accuses nobody meanwhile; and what
// agents learn of an observer that has ended.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_fixture.hpp"
#include "transport/unix_connection.hpp"

namespace hb::test {
namespace {

// A socket of another program, which gets the observer's path at once.
class Usurper {
 public:
  explicit Usurper(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    const std::string elsewhere = path + ".new";
    const auto address = unix_address(elsewhere);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)),
              0);
    std::filesystem::rename(elsewhere, path);
  }
  void end() { socket_.reset(); }

 private:
  Fd socket_;
};

void expect_loss_of_path(ObserverProcess& observer) {
  const Json lost = observer.expect("reach");
  EXPECT_EQ(lost["reachable"], false) << lost;
  EXPECT_GE(lost["observer_ns"], lost["since_ns"]) << lost;
}

void expect_new_socket(ObserverProcess& observer) {
  const Json found = observer.expect("reach");
  EXPECT_EQ(found["reachable"], true) << found;
  EXPECT_EQ(found["rebound"], true) << found;
}

class ReachOf : public EveryDelivery {
 protected:
  void expect_beat(ObserverProcess& observer, std::uint64_t nonce) {
    const Json beat = observer.expect("beat");
    EXPECT_EQ(beat["nonce"], nonce);
    EXPECT_EQ(beat["origin"], "kernel_attested");
  }
};

INSTANTIATE_TEST_SUITE_P(Deliveries, ReachOf, ::testing::Values("socket", "ring"));

TEST_P(ReachOf, AnObserverComesBackWhenItsSocketIsRemoved) {
  ObserverProcess observer = observe();
  ASSERT_EQ(::unlink(socket_.c_str()), 0);
  expect_loss_of_path(observer);
  expect_new_socket(observer);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  expect_beat(observer, 1);
  const Json counters = observer.stop();
  EXPECT_EQ(counters["unreachable_total"], 1U);
  EXPECT_EQ(counters["rebound_total"], 1U);
  expect_balance(counters);
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_P(ReachOf, AnObserverComesBackWhenItsDirectoryIsRemoved) {
  const std::string nested = directory_.path("d/hb.sock");
  ObserverProcess observer(nested, {"--threshold-ms", "600000", "--delivery", delivery()});
  std::filesystem::remove_all(directory_.path("d"));
  expect_loss_of_path(observer);
  expect_new_socket(observer);
  ASSERT_TRUE(send_claim(nested, own_pid()));
  expect_beat(observer, 1);
  stop(observer);
}

TEST_P(ReachOf, ASenderThatIsConnectedIsHeardOnTheFormerSocket) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  ASSERT_TRUE(agent.send(frame_of(own_pid(), 1)));
  expect_beat(observer, 1);
  ASSERT_EQ(::unlink(socket_.c_str()), 0);
  expect_loss_of_path(observer);
  expect_new_socket(observer);
  ASSERT_TRUE(agent.send(frame_of(own_pid(), 2)));
  expect_beat(observer, 2);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 3));
  expect_beat(observer, 3);
  stop(observer);
}

// 4 of 4 agents that send by path were killed.
TEST_P(ReachOf, AnObserverAccusesNobodyWhoCannotReachIt) {
  ObserverProcess observer =
      observe({"--threshold-ms", "2000", "--recovery-signal", "KILL", "--beats", "changes"});
  Child agent = Child::run([&] {
    for (std::uint64_t nonce = 1;; ++nonce) {  // each by the path
      send_claim(socket_, own_pid(), nonce);
      ::usleep(100'000);
    }
  });
  expect_beat(observer, 1);
  Usurper usurper(socket_);
  expect_loss_of_path(observer);
  observer.expect_nothing(milliseconds(5'000));
  usurper.end();
  expect_new_socket(observer);
  observer.expect_nothing(milliseconds(3'000));
  ::kill(agent.pid(), SIGSTOP);
  EXPECT_EQ(observer.expect("stall")["cause"], "silence");
  EXPECT_EQ(agent.wait(), SIGKILL);
  EXPECT_EQ(observer.expect("stall")["cause"], "exited");
  stop(observer);
}

TEST_P(ReachOf, AnObserverNeverTakesThePathFromALiveSocket) {
  ObserverProcess observer = observe({"--unreachable-ms", "1500"});
  Usurper usurper(socket_);
  struct stat before {};
  ASSERT_EQ(::lstat(socket_.c_str(), &before), 0);
  expect_loss_of_path(observer);
  observer.expect_logged("live process");
  observer.expect_logged("--unreachable-ms");
  EXPECT_EQ(observer.expect("stopped")["counters"]["rebound_total"], 0U);
  EXPECT_EQ(observer.process().wait(), 1);
  struct stat after {};
  ASSERT_EQ(::lstat(socket_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

// The kernel program dropped what came by ring delivery, and the sender was told of success.
TEST_P(ReachOf, AnObserverThatWasKilledIsSeenByTheNextBeat) {
  ObserverProcess observer = observe();
  const auto connected = connect_unix(socket_);
  ASSERT_TRUE(connected) << connected.error().message;
  const auto frame = frame_of(own_pid());
  ASSERT_EQ(::send(connected.value().get(), frame.data(), frame.size(), 0), 32);
  observer.process().signal(SIGKILL);
  observer.process().wait();
  EXPECT_EQ(::send(connected.value().get(), frame.data(), frame.size(), MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

// Its own datagrams are in none of the counters.
TEST_P(ReachOf, AnObserverDoesNotCountItself) {
  ObserverProcess observer = observe({"--threshold-ms", "100"});  // a self-beat every 25 ms
  std::this_thread::sleep_for(milliseconds(500));
  const Json counters = observer.stop();
  EXPECT_EQ(counters["stamp_attempts_total"], 0U) << counters;
  EXPECT_EQ(counters["stamps_total"], 0U) << counters;
  EXPECT_EQ(counters["receptions_total"], 0U) << counters;
}

class Reach : public Attest {};

TEST_F(Reach, OfAnotherUserIsKeptAsWell) {
  HB_NEEDS_ROOT();
  std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  const std::string nested = directory_.path("made/hb.sock");
  ObserverProcess observer(nested, {"--user", "nobody", "--threshold-ms", "600000"});
  ASSERT_EQ(::unlink(nested.c_str()), 0);
  expect_loss_of_path(observer);
  expect_new_socket(observer);
  ASSERT_TRUE(send_claim(nested, own_pid()));
  observer.expect("beat");
  stop(observer);
}

// The capabilities that it needed for that at the start are gone.
TEST_F(Reach, OfASocketWithAGroupIsKeptAsWell) {
  HB_NEEDS_ROOT();
  leave_out_leak_check();
  constexpr gid_t kGroup = 4242;
  std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  for (const Argv& user : {Argv{}, Argv{"--user", "nobody"}}) {
    const std::string nested = directory_.path(user.empty() ? "roots/hb.sock" : "nobodys/hb.sock");
    Argv arguments{"--socket-group", "4242", "--socket-mode", "0660", "--threshold-ms", "600000"};
    arguments.insert(arguments.end(), user.begin(), user.end());
    ObserverProcess observer(nested, arguments);
    ASSERT_EQ(::unlink(nested.c_str()), 0);
    expect_loss_of_path(observer);
    expect_new_socket(observer);
    struct stat made {};
    ASSERT_EQ(::stat(nested.c_str(), &made), 0);
    EXPECT_EQ(made.st_gid, kGroup);
    EXPECT_EQ(made.st_mode & 07777, 0660U);
    observer.stop();
  }
}

// It said each time that agents could reach it again, and a hung one was never found.
TEST_F(Reach, ThatIsLostAgainAndAgainEndsTheObserver) {
  ObserverProcess observer = observe({"--threshold-ms", "1000", "--unreachable-ms", "2000"});
  Child remover = Child::run([&] {
    for (;; ::usleep(1'000)) ::unlink(socket_.c_str());
  });
  observer.expect_logged("or not for long");
  EXPECT_EQ(observer.process().wait(), 1);
}

// It cannot search the directory after it has become that user.
TEST_F(Reach, IsNotKnownWhereTheUserMayNotLook) {
  HB_NEEDS_ROOT();
  std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0700));
  ObserverProcess observer = observe({"--user", "nobody"});
  observer.expect_logged("it will not be noticed");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  stop(observer);
}

using ReachByProcfs = Run;

TEST_F(ReachByProcfs, IsKeptAsWell) {
  ObserverProcess observer = observe({"--threshold-ms", "600000"});
  ASSERT_EQ(::unlink(socket_.c_str()), 0);
  expect_loss_of_path(observer);
  expect_new_socket(observer);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.stop();
}

// --- Time namespaces ---

// `program run` in a time namespace whose `clock` is ahead by 1,000 s. Its exit code; 77: none.
int run_with_offset(const Argv& argv, const char* clock) {
  Child outside = Child::run([&] {
    if (::unshare(CLONE_NEWTIME) != 0) ::_exit(77);
    std::ofstream("/proc/self/timens_offsets") << clock << " 1000 0\n";
    Child inside = Child::run([&] { ::_exit(run_to_end(argv).code); });  // children are in it
    const int status = inside.wait();
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 70);
  });
  const int status = outside.wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

// It took its own clock for the kernel's, found every agent's first beat younger than it was, and
// signalled whoever had the pid by then: 3 of 3.
TEST_F(Reach, StartsInNoTimeNamespaceWithAnotherMonotonicClock) {
  HB_NEEDS_ROOT();
  const Argv run{"run", "--socket", socket_, "--shutdown-after-secs", "1"};
  const int code = run_with_offset(run, "monotonic");
  HB_NEEDS(code != 77, "time namespaces");
  EXPECT_EQ(code, 3);
}

// Only differences of this clock are used.
TEST_F(Reach, StartsWithAnotherBootClock) {
  HB_NEEDS_ROOT();
  const Argv run{"run", "--socket", socket_, "--shutdown-after-secs", "1"};
  const int code = run_with_offset(run, "boottime");
  HB_NEEDS(code != 77, "time namespaces");
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace hb::test
