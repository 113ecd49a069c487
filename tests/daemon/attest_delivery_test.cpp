// Where the two deliveries differ: pairing, and a full queue or ring.
#include "tests/support/attest_fixture.hpp"
#include "tests/support/own_network.hpp"

namespace hb::test {
namespace {

// Two processes sent the same bytes with the same credentials: ambiguous_stamp.
TEST_F(Attest, RefusesAFrameWhoseStampsDisagree) {
  ObserverProcess observer = observe();
  agent_and_forger_send_the_same(observer);
  if (!queues_datagrams()) {  // each frame comes in its own stamp
    EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
    EXPECT_EQ(observer.expect("auth_failure")["cause"], "pid_mismatch");
    return stop(observer);
  }
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "ambiguous_stamp");
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "ambiguous_stamp");
  stop(observer);
}

TEST_F(Attest, CorrelateSkbDistinguishesEqualFrames) {
  if (!queues_datagrams()) {
    const Outcome refused = run_to_end({"run", "--socket", socket_, "--correlate", "skb"});
    EXPECT_EQ(refused.code, 3) << "there is nothing to pair";
    return;
  }
  ObserverProcess observer = observe({"--correlate", "skb"});
  agent_and_forger_send_the_same(observer);
  EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "pid_mismatch");
  stop(observer);
}

// A full queue costs beats, which their senders are told, and stamps without frames, which are
// counted; it never pairs one with the other wrongly.
TEST_F(Attest, CountsStampsOfAFullQueueAsOrphans) {
  const OwnNetwork network;
  ASSERT_TRUE(network.is_made());
  ObserverProcess observer = observe({"--queue-length", "32"});
  std::uint64_t queued = 0;
  while_asleep(observer, [&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 100; ++nonce) {
      const auto sent = agent.send(frame_of(own_pid(), nonce));
      ASSERT_TRUE(sent);
      if (sent.value() == UnixAgent::Outcome::Queued) ++queued;
    }
  });
  if (!queues_datagrams()) {
    EXPECT_EQ(queued, 100U) << "there is no queue that could be full";
    for (std::uint64_t nonce = 1; nonce <= 100; ++nonce) observer.expect("beat");
    return stop(observer);
  }
  EXPECT_EQ(queued, 33U);
  for (std::uint64_t nonce = 1; nonce <= queued; ++nonce) {
    EXPECT_EQ(observer.expect("beat")["nonce"], nonce);
  }
  const Json counters = observer.stop();
  expect_balance(counters);
  EXPECT_EQ(counters["stamp_attempts_total"], 100);
  EXPECT_EQ(counters["stamps_matched_total"], 33);
  EXPECT_EQ(counters["stamps_orphaned_total"].get<int>() + counters["stamps_waiting"].get<int>(),
            67);
}

// The record is the frame, so nothing can be ambiguous.
TEST_F(RingDelivery, TellsEqualFramesApart) {
  ObserverProcess observer = observe();
  agent_and_forger_send_the_same(observer);
  EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "pid_mismatch");
  stop(observer);
}

// A ring of 4,096 bytes holds 31 stamps of 128, as one byte has to stay free; one of them may be of
// a self-beat. Further datagrams are queued, up to the socket's limit, and then senders get EAGAIN;
// none of these frames is accepted.
TEST_F(RingDelivery, AFullRingGivesTheSenderEagain) {
  const OwnNetwork network;
  ASSERT_TRUE(network.is_made());
  ObserverProcess observer = observe({"--ring-bytes", "4096", "--max-beat-rate", "0"});
  std::uint64_t refused = 0;
  while_asleep(observer, [&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 1000; ++nonce) {
      const auto sent = agent.send(frame_of(own_pid(), nonce));
      ASSERT_TRUE(sent);
      if (sent.value() == UnixAgent::Outcome::QueueFull) ++refused;
    }
  });
  EXPECT_EQ(refused > 0, queues_datagrams());
  for (std::uint64_t nonce = 1; nonce <= 30; ++nonce) {
    EXPECT_EQ(observer.expect("beat")["nonce"], nonce);
  }
  while (!send_claim(socket_, own_pid(), 1001)) ::usleep(1000);  // until that room is known
  const bool is_full_of_beats = observer.expect("beat")["nonce"] == 31;
  if (is_full_of_beats) {
    EXPECT_EQ(observer.expect("beat")["nonce"], 1001);
  }
  const Json counters = observer.stop();
  expect_balance(counters);
  EXPECT_EQ(counters["beats_total"], is_full_of_beats ? 32 : 31);
  EXPECT_GE(counters["stamps_dropped_total"]["ring_full"], 969);
}

// A sender that blocks instead continues as soon as there is room in the queue; its frame is
// refused too, as it has no stamp.
TEST_F(RingDelivery, RefusesQueuedFrames) {
  ObserverProcess observer =
      observe({"--ring-bytes", "4096", "--max-beat-rate", "0", "--beats", "none"});
  Child patient = Child::run([&] {
    const auto address = unix_address(socket_);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    become(::connect(socket, reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)));
    for (std::uint64_t nonce = 1; nonce <= 20'000; ++nonce) {
      const auto frame = frame_of(own_pid(), nonce);
      become(::send(socket, frame.data(), frame.size(), 0) == ssize_t{vlp::kFrameBytes} ? 0 : 1);
    }
  });
  EXPECT_EQ(patient.wait(), 0);
  const Json counters = observer.stop();
  expect_balance(counters);
  // Older kernels run the program again when a sender has waited.
  EXPECT_GE(counters["stamp_attempts_total"], 20'000);
  EXPECT_EQ(counters["beats_total"], counters["stamps_total"]);
}

// A flooder of the same user costs others no beats: its rate limit is checked before stamping.
TEST_P(EveryDelivery, LimitsOneSenderAndNoOther) {
  ObserverProcess observer = observe({"--max-beat-rate", "100", "--beats", "none"});
  Child flooder = Child::run([&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 20'000; ++nonce) {
      [[maybe_unused]] const auto sent = agent.send(frame_of(own_pid(), nonce));
    }
  });
  for (std::uint64_t nonce = 1; nonce <= 50; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce)) << nonce;
  }
  ASSERT_EQ(flooder.wait(), 0);
  const Json counters = observer.stop();
  expect_balance(counters);
  const auto limited = counters["stamps_dropped_total"]["rate_limited"].get<std::uint64_t>();
  EXPECT_GT(limited, 18'000U);
  EXPECT_EQ(counters["stamps_dropped_total"]["ring_full"], 0);
  EXPECT_EQ(counters["stamp_attempts_total"], 20'050);
  EXPECT_EQ(counters["beats_total"].get<std::uint64_t>(), 20'050 - limited);
}

TEST_P(EveryDelivery, DoesNotLimitWithRateZero) {
  ObserverProcess observer = observe({"--max-beat-rate", "0", "--beats", "none"});
  UnixAgent agent(socket_);
  std::uint64_t queued = 0;
  for (std::uint64_t nonce = 1; nonce <= 3'000; ++nonce) {
    const auto sent = agent.send(frame_of(own_pid(), nonce));
    ASSERT_TRUE(sent);
    if (sent.value() == UnixAgent::Outcome::Queued) ++queued;
  }
  const Json counters = observer.stop();
  EXPECT_EQ(counters["stamps_dropped_total"]["rate_limited"], 0);
  EXPECT_EQ(counters["beats_total"], queued);
}

// Of the other files too.
INSTANTIATE_TEST_SUITE_P(By, EveryDelivery, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

}  // namespace
}  // namespace hb::test
