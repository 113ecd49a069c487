// Whatever is lost is told while it happens, in the stream and in the log: the observer had exact
// counters, and nobody read them before the last line. (A full ring, a rate, wrong lengths, a full
// table, UDP's buffer and the stream itself: run_stream_test.cpp.)
#include <sys/wait.h>

#include <array>

#include "secure/frame_sealer.hpp"
#include "secure/key_file.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/control_message.hpp"
#include "tests/support/udp_fixture.hpp"
#include "transport/unix_connection.hpp"

namespace hb::test {
namespace {

constexpr uid_t kStranger = 65534;

// In the stream, and then in the log with what to do.
void expect_told(ObserverProcess& observer, const std::string& reason, const std::string& remedy) {
  EXPECT_GT(observer.expect_loss(reason)["count"], 0);
  const std::string logged = observer.expect_logged("lost (" + reason + ")");
  EXPECT_NE(logged.find(remedy), std::string::npos) << logged;
}

class Losses : public EveryDelivery {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    EveryDelivery::SetUp();
    ::chmod(directory_.path(".").c_str(), 0755);
  }

  // A process of another user that has sent one beat, and stays.
  Child stranger() {
    int sent[2];
    EXPECT_EQ(::pipe(sent), 0);
    Child child = Child::run([&] {
      if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(70);
      send_claim(socket_, own_pid());
      ::close(sent[1]);
      ::pause();
    });
    ::close(sent[1]);
    char end = 0;
    EXPECT_EQ(::read(sent[0], &end, 1), 0);
    ::close(sent[0]);
    return child;
  }

  // Sends beats as fast as it can, until the test ends it.
  Child flooder(uid_t uid) {
    return Child::run([&] {
      if (::setresuid(uid, uid, uid) != 0) ::_exit(70);
      UnixAgent agent(socket_);
      for (std::uint64_t nonce = 1;; ++nonce) {
        static_cast<void>(agent.send(frame_of(own_pid(), nonce)));
      }
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Delivery, Losses, ::testing::Values("socket", "ring"));

TEST_P(Losses, OfAUserWhoHasUsedUpHisShareAreTold) {
  ObserverProcess observer =
      observe({"--socket-mode", "0666", "--max-beat-rate", "0", "--beats", "none"});
  const Child flood = flooder(kStranger);
  expect_told(observer, "share", "--agents-per-uid");
}

TEST_P(Losses, OfAUserWithTooManyAgentsAreTold) {
  ObserverProcess observer = observe({"--socket-mode", "0666", "--agents-per-uid", "1"});
  const Child first = stranger();
  const Child second = stranger();
  expect_told(observer, "uid_full", "--agents-per-uid");
}

TEST_P(Losses, OfAStalledAgentForANewOneAreTold) {
  ObserverProcess observer = observe({"--socket-mode", "0666", "--tracker-capacity", "1",
                                      "--eviction", "balanced", "--threshold-ms", "300"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect("stall");
  const Child newcomer = stranger();
  expect_told(observer, "tracker_evicted", "--tracker-capacity");
}

TEST_P(Losses, OfAnAgentThatIsUnheardAreTold) {
  ObserverProcess observer =
      observe({"--max-beat-rate", "1", "--threshold-ms", "500", "--beats", "none"});
  const Child flood = flooder(0);
  EXPECT_GT(observer.expect_loss("unheard")["count"], 0);
}

TEST_P(Losses, OfFramesThatAreOlderThanOthersAreTold) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid(), 5));
  observer.expect("beat");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 3));
  EXPECT_EQ(observer.expect_loss("out_of_order")["count"], 1);
  observer.expect_logged("lost (out_of_order)");
  stop(observer);
}

// By a kernel that refuses descriptors itself (6.16), nothing is lost: send(2) says EPERM.
TEST_P(Losses, OfDatagramsWithDescriptorsAreTold) {
  ObserverProcess observer = observe();
  const auto connected = connect_unix(socket_);
  ASSERT_TRUE(connected) << connected.error().message;
  const auto frame = frame_of(own_pid());
  const std::vector<int> passed{STDERR_FILENO};
  const auto sent =
      send_with_descriptors(connected.value().get(), frame.data(), frame.size(), passed);
  const int code = errno;
  if (sent < 0) {
    EXPECT_EQ(code, EPERM);
  } else {
    EXPECT_EQ(observer.expect_loss("descriptors")["count"], 1);
  }
}

// As many as the ring of exits holds, 9,362, and some.
TEST_P(Losses, OfExitsAreTold) {
  ObserverProcess observer = observe({"--beats", "none"});
  while_asleep(observer, [&] {
    for (int i = 0; i < 9'500; ++i) {
      const pid_t child = ::vfork();
      if (child == 0) {
        send_claim(socket_, static_cast<std::uint32_t>(::syscall(SYS_getpid)));
        ::_exit(0);
      }
      ASSERT_GT(child, 0);
      ::waitpid(child, nullptr, 0);
    }
  });
  EXPECT_GT(observer.expect_loss("exits_lost")["count"], 0);
}

class QueueLosses : public Attest {};

TEST_F(QueueLosses, AreTold) {
  HB_NEEDS(queues_datagrams(), "datagrams that are queued");
  ObserverProcess observer = observe({"--queue-length", "16", "--beats", "none"});
  while_asleep(observer, [&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 40; ++nonce) {
      static_cast<void>(agent.send(frame_of(own_pid(), nonce)));
    }
  });
  expect_told(observer, "queue_full", "--queue-length");
}

// The ring is still full of stamps when the first datagrams are received.
TEST_F(QueueLosses, OfReceiptsAreTold) {
  HB_NEEDS(queues_datagrams(), "datagrams that are queued");
  ObserverProcess observer =
      observe({"--correlate", "skb", "--ring-bytes", "4096", "--beats", "none"});
  while_asleep(observer, [&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 60; ++nonce) {
      static_cast<void>(agent.send(frame_of(own_pid(), nonce)));
    }
  });
  expect_told(observer, "receipts", "--correlate skb");
}

class UdpLosses : public UdpRun {};

TEST_F(UdpLosses, OfDatagramsWithAnotherKeyAreTold) {
  ObserverProcess observer = observe({"--key-file", key_file('a')});
  beat({"--key-file", key_file('b')});
  EXPECT_EQ(observer.expect_loss("decrypt_failed")["count"], 1);
  observer.expect_logged("lost (decrypt_failed)");
}

TEST_F(UdpLosses, OfAnAgentThatClaimsToBeAnotherAreTold) {
  ObserverProcess observer = observe({"--master-key-file", key_file()});
  beat({"--master-key-file", key_file(), "--claim-pid", "4242"});
  EXPECT_EQ(observer.expect_loss("agent_pid_mismatch")["count"], 1);
}

TEST_F(UdpLosses, OfAgentsBeyondThoseOfTheNetworkAreTold) {
  ObserverProcess observer = observe_plainly({"--network-agents", "1"});
  ASSERT_TRUE(send_claim_over_udp(4242));
  observer.expect("beat");
  ASSERT_TRUE(send_claim_over_udp(4343));
  EXPECT_EQ(observer.expect_loss("network_full")["count"], 1);
  const std::string logged = observer.expect_logged("lost (network_full)");
  EXPECT_NE(logged.find("--network-agents"), std::string::npos) << logged;
}

// The table has 1,024 senders, none of which has been silent for long.
TEST_F(UdpLosses, OfSealedSendersBeyondTheTableAreTold) {
  ObserverProcess observer =
      observe({"--key-file", key_file(), "--threshold-ms", "600000", "--beats", "none"});
  for (std::uint32_t pid = 1'000; pid < 2'100; ++pid) {
    auto key = secure::parse_key(std::string(64, 'a'));  // as in the file
    auto sealer = secure::FrameSealer::with_shared_key(std::move(*key), {.iv_random = pid});
    ASSERT_TRUE(sealer);
    ASSERT_TRUE(send(sealer.value().seal(frame_of(pid)).value()));
  }
  EXPECT_GT(observer.expect_loss("sender_table_full")["count"], 0);
}

TEST_F(UdpLosses, OfReplaysAreTold) {
  std::array<UdpDatagram, 4> recorded;
  {
    const auto recorder = UdpListener::open(UdpAddress::parse(where_).value());
    ASSERT_TRUE(recorder);
    beat({"--key-file", key_file(), "--claim-pid", "4242"});
    ASSERT_EQ(recorder.value()->receive(recorded).value(), 1U);
  }
  ObserverProcess observer = observe({"--key-file", key_file()});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send(recorded[0].bytes()));
  EXPECT_GT(observer.expect_loss("replayed")["count"], 0);
}

}  // namespace
}  // namespace hb::test
