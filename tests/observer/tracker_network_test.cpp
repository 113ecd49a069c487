// Agents on the network: two hosts' agents with one pid were one, and of the second no beat was
// accepted. And whoever can send chooses pid and address, so there is a limit for all of them.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

constexpr HostAddress kHost{{0x20, 0x01, 0x0d, 0xb8, 1}};
constexpr HostAddress kOther{{0x20, 0x01, 0x0d, 0xb8, 2}};

HostAddress nth_host(std::uint32_t n) {
  HostAddress host{{0xfd}};
  for (std::size_t i = 0; i < 4; ++i) host.bytes[12 + i] = static_cast<std::uint8_t>(n >> 8 * i);
  return host;
}

class TrackerNetworkTest : public TrackerTest {
 protected:
  static constexpr std::size_t kAgents = 4;

  std::string beat_from(const ClaimOnly& claim, std::uint64_t nonce, std::uint32_t pid = 7) {
    return words(network_.record(
        {.pid = pid, .nonce = nonce, .origin = kNetwork, .own_pid = pid, .claim = &claim}, now_));
  }
  std::string beat_from(const HostAddress& host, std::uint64_t nonce, std::uint32_t pid = 7) {
    return beat_from(ClaimOnly{host, false}, nonce, pid);
  }
  std::string beat_with_own_key(const HostAddress& host, std::uint64_t nonce) {
    return beat_from(ClaimOnly{host, true}, nonce);
  }
  std::string local_beat(std::uint32_t pid, std::uint64_t nonce = 1) {
    return words(network_.record({.pid = pid, .generation_ns = 50, .nonce = nonce}, now_));
  }

  std::vector<HostAddress> stalled_hosts() {
    std::vector<HostAddress> hosts;
    while (const auto stall = network_.expire(now_)) hosts.push_back(stall->host);
    return hosts;
  }
  using Hosts = std::vector<HostAddress>;

  Tracker network_{8,
                   kThreshold,
                   /*seed=*/1,
                   Eviction::Strict,
                   /*agents_per_owner=*/0,
                   /*read_delay_ns=*/0,
                   /*network_agents=*/kAgents};
};

TEST_F(TrackerNetworkTest, OnePidAtTwoHostsIsTwoAgents) {
  EXPECT_EQ(beat_from(kHost, 5), "inserted");
  EXPECT_EQ(beat_from(kOther, 5), "inserted");
  EXPECT_EQ(beat_from(kHost, 5), "out of order");
  EXPECT_EQ(beat_from(kHost, 6), "refreshed");
  EXPECT_EQ(beat_from(kOther, 6), "refreshed");
  EXPECT_EQ(network_.size(), 2U);
}

TEST_F(TrackerNetworkTest, AStallSaysWhichHostsItIs) {
  beat_from(kHost, 1);
  now_ += 1;
  beat_from(kOther, 1);
  now_ += kThreshold;
  EXPECT_EQ(stalled_hosts(), (Hosts{kHost, kOther}));
  EXPECT_EQ(beat_from(kOther, 2), "changed");
  now_ += kThreshold;
  EXPECT_EQ(stalled_hosts(), Hosts{kOther});
}

TEST_F(TrackerNetworkTest, AnotherHostsPidIsNoProcessHere) {
  EXPECT_EQ(local_beat(7), "inserted");
  EXPECT_EQ(beat_from(kHost, 1), "inserted");
  EXPECT_EQ(local_beat(7, 2), "refreshed") << "and no origin conflict";
  const auto dead = network_.record_exit(7, 50);
  ASSERT_TRUE(dead);
  EXPECT_TRUE(dead->host.is_this_host());
  EXPECT_EQ(beat_from(kHost, 2), "refreshed");
  EXPECT_EQ(network_.size(), 1U);
}

TEST_F(TrackerNetworkTest, OverUdpFromThisHostItIsTheProcessHere) {
  EXPECT_EQ(local_beat(7), "inserted");
  EXPECT_EQ(beat_from(kThisHost, 2), "origin conflict with kernel_attested");
  EXPECT_EQ(network_.size(), 1U);
}

// --- Who claimed a pid before the kernel attested it ---

TEST_F(TrackerNetworkTest, TheFirstClaimKeepsAPidUntilItIsSilent) {
  beat_from(kThisHost, 1);
  EXPECT_EQ(local_beat(7, 1), "origin conflict with network_unverified");
  now_ += kThreshold - 1;
  EXPECT_EQ(local_beat(7, 2), "origin conflict with network_unverified");
  now_ += 1;
  ASSERT_EQ(stalled_hosts(), Hosts{kThisHost});
  EXPECT_EQ(local_beat(7, 3), "taken over from network_unverified");
  EXPECT_EQ(beat_from(kThisHost, 2), "origin conflict with kernel_attested");
  EXPECT_EQ(local_beat(7, 4), "refreshed");
}

TEST_F(TrackerNetworkTest, AnAttestedAgentKeepsItsPidAlsoWhenItIsSilent) {
  local_beat(7);
  now_ += 5 * kThreshold;
  ASSERT_EQ(stalled_hosts(), Hosts{kThisHost});
  EXPECT_EQ(beat_from(kThisHost, 1), "origin conflict with kernel_attested");
}

TEST_F(TrackerNetworkTest, TheStrongestTakesAPidAtOnce) {
  Tracker strongest(8, kThreshold, 1, Eviction::Strict, 0, 0, 0, OriginPrecedence::Strongest);
  const ClaimOnly here{};
  const auto claim = [&](std::uint64_t nonce, BeatOrigin origin) {
    return words(strongest.record({.pid = 7, .nonce = nonce, .origin = origin, .claim = &here}, 0));
  };
  const auto attested = [&](std::uint64_t nonce) {
    return words(strongest.record({.pid = 7, .generation_ns = 50, .nonce = nonce}, 0));
  };
  EXPECT_EQ(claim(5, BeatOrigin::OperatorAttestedTransport), "inserted");
  EXPECT_EQ(claim(6, kNetwork), "origin conflict with operator_attested_transport");
  EXPECT_EQ(attested(1), "taken over from operator_attested_transport");
  EXPECT_EQ(claim(6, BeatOrigin::OperatorAttestedTransport),
            "origin conflict with kernel_attested");
  EXPECT_EQ(attested(2), "refreshed");
  EXPECT_TRUE(strongest.record_exit(7, 50)) << "it is that process from now on";
}

TEST_F(TrackerNetworkTest, ATakeOverGivesTheNetworkItsSlotBackAndSpendsTheOwners) {
  Tracker strongest(8, kThreshold, 1, Eviction::Strict, /*agents_per_owner=*/1, 0,
                    /*network_agents=*/1, OriginPrecedence::Strongest);
  const ClaimOnly here{};
  const auto claim = [&](std::uint32_t pid) {
    return words(strongest.record({.pid = pid, .nonce = 1, .origin = kNetwork, .claim = &here}, 0));
  };
  const auto attested = [&](std::uint32_t pid) {
    return words(strongest.record({.pid = pid, .generation_ns = 50, .nonce = 1, .owner = 1000}, 0));
  };
  EXPECT_EQ(claim(7), "inserted");
  EXPECT_EQ(claim(8), "network full");
  EXPECT_EQ(attested(7), "taken over from network_unverified");
  EXPECT_EQ(claim(8), "inserted");
  EXPECT_EQ(attested(8), "owner full");
}

TEST_F(TrackerNetworkTest, WithAKeyOfItsOwnItIsOneAgentWhereverItIs) {
  EXPECT_EQ(beat_with_own_key(kHost, 1), "inserted");
  EXPECT_EQ(beat_with_own_key(kOther, 2), "refreshed");
  EXPECT_EQ(beat_from(kHost, 1), "inserted") << "which that key has nothing to do with";
  EXPECT_EQ(local_beat(7), "inserted") << "nor this";
  now_ += kThreshold;
  EXPECT_EQ(stalled_hosts(), (Hosts{kOther, kHost, kThisHost})) << "where it was last";
}

TEST_F(TrackerNetworkTest, HasSoManyAgentsAndNoMore) {
  for (std::uint32_t n = 0; n < kAgents; ++n) EXPECT_EQ(beat_from(nth_host(n), 1), "inserted");
  EXPECT_EQ(beat_from(kHost, 1), "network full");
  EXPECT_EQ(beat_from(kThisHost, 1), "network full");
  EXPECT_EQ(beat_from(nth_host(0), 2), "refreshed");
  for (std::uint32_t pid = 10; pid < 14; ++pid) EXPECT_EQ(local_beat(pid), "inserted");
}

// They never end, so without this the network would once have none to spare.
TEST_F(TrackerNetworkTest, ANewAgentGetsTheSlotOfTheLongestSilentOne) {
  for (std::uint32_t n = 0; n < kAgents; ++n) beat_from(nth_host(n), 1);
  now_ += kThreshold;
  ASSERT_EQ(stalled_hosts().size(), kAgents);
  EXPECT_EQ(beat_from(nth_host(0), 2), "changed");
  EXPECT_EQ(beat_from(kHost, 1), "network full") << "not silent for long";
  now_ += 9 * kThreshold - 1;
  EXPECT_EQ(beat_from(kHost, 1), "network full");
  now_ += 1;
  stalled_hosts();
  EXPECT_EQ(beat_from(kHost, 1), "replaced");
  EXPECT_EQ(beat_from(nth_host(0), 3), "changed") << "this one was not the longest silent";
  EXPECT_EQ(beat_from(nth_host(1), 2), "replaced") << "this one was";
}

TEST_F(TrackerNetworkTest, AttestedAgentsGetTheSlotsOfSilentOnesInAFullTable) {
  for (std::uint32_t n = 0; n < kAgents; ++n) beat_from(nth_host(n), 1);
  for (std::uint32_t pid = 10; pid < 14; ++pid) local_beat(pid);
  now_ += 10 * kThreshold;
  for (std::uint32_t pid = 10; pid < 14; ++pid) local_beat(pid, 2);
  ASSERT_EQ(stalled_hosts().size(), kAgents);
  EXPECT_EQ(local_beat(20), "replaced");
  for (std::uint32_t pid = 10; pid < 14; ++pid) EXPECT_EQ(local_beat(pid, 3), "refreshed");
  EXPECT_EQ(beat_from(nth_host(3), 2), "changed") << "not the longest silent";
}

TEST_F(TrackerNetworkTest, FreesNoSlotOfAnAttestedAgent) {
  for (std::uint32_t pid = 10; pid < 18; ++pid) local_beat(pid);
  now_ += 1000 * kThreshold;
  stalled_hosts();
  EXPECT_EQ(beat_from(kHost, 1), "full");
}

// Whatever has had a slot is found by what it is, and by nothing else.
TEST_F(TrackerNetworkTest, TheIndexIsRightAfterManyEvictions) {
  for (std::uint32_t n = 0; n < 10'000; ++n) {
    now_ += 10 * kThreshold;
    stalled_hosts();
    const std::string first = n < kAgents ? "inserted" : "replaced";
    ASSERT_EQ(beat_from(nth_host(n), 1), first) << n;
    ASSERT_EQ(beat_from(nth_host(n), 1), "out of order") << n;
    if (n == 0) continue;
    ASSERT_EQ(beat_from(nth_host(n - 1), 2), "changed") << n;
  }
}

}  // namespace
}  // namespace hb
