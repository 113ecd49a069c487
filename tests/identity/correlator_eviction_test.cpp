// Eviction from a full table of waiting stamps: only the sender with the most groups loses some.
#include <map>
#include <random>

#include "tests/identity/correlator_fixture.hpp"

namespace hb {
namespace {

class EvictionTest : public CorrelatorTest {
 protected:
  static constexpr std::uint32_t kFlooder = 300;

  // A stamp of `tgid`'s with bytes of its own, under the credentials of `cred_pid`.
  void stamped_anew(std::uint32_t tgid) { stamped_numbered(tgid, ++number_, tgid); }
  void stamped_numbered(std::uint32_t tgid, std::uint64_t number, std::uint32_t cred_pid) {
    hb_stamp numbered = stamp(tgid, 0, cred_pid);
    std::memcpy(&numbered.frame[8], &number, sizeof(number));
    correlator_->add_stamp(numbered, now_ns_);
    balance();
  }
  void received_numbered(std::uint64_t number, std::uint32_t cred_pid) {
    Datagram datagram;
    datagram.bytes = frame(0);
    std::memcpy(&datagram.bytes[8], &number, sizeof(number));
    datagram.credentials.pid = cred_pid;
    correlator_->add_frame(datagram, serial_++, 0, now_ns_);
  }

  void flood(std::uint32_t tgid, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) stamped_anew(tgid);
  }

  [[nodiscard]] std::uint64_t evicted() const { return correlator_->counters().evicted; }

  std::uint64_t number_ = 1'000'000;
};

// Once, while the observer was stopped, a flood of stamps without frames evicted the older stamps
// of honest frames that were still queued, and these were refused as forged.
TEST_F(EvictionTest, FloodEvictsOnlyItsOwnStamps) {
  use(PairingKey::ContentAndCredentials, 64);
  stamped(kAgent, 1);
  stamped(kOther, 2);
  flood(kFlooder, 2'000);
  received(1, kAgent);
  received(2, kOther);
  expect_sender(kAgent);
  expect_sender(kOther);
  EXPECT_EQ(evicted(), 2'000U - 62U);
}

TEST_F(EvictionTest, TheFullestSendersOldestGoesFirst) {
  use(PairingKey::ContentAndCredentials, 4);
  stamped(kAgent, 1);
  stamped(kFlooder, 2);
  stamped(kFlooder, 3);
  stamped(kFlooder, 4);
  stamped(kOther, 5);
  received(3, kFlooder);
  received(2, kFlooder);
  expect_sender(kFlooder);
  expect_missing(Correlator::MissingStamp::Evicted);
}

TEST_F(EvictionTest, NewcomerEvictsTheFullestNotItself) {
  use(PairingKey::ContentAndCredentials, 8);
  flood(kFlooder, 8);
  for (std::uint8_t content = 1; content <= 4; content++) stamped(kAgent, content);
  for (std::uint8_t content = 1; content <= 4; content++) {
    received(content);
    expect_sender(kAgent);
  }
}

TEST_F(EvictionTest, EqualStampsTakeOnePlace) {
  use(PairingKey::ContentAndCredentials, 8);
  for (int i = 0; i < 100; i++) stamped(kAgent, 1);
  flood(kFlooder, 100);
  received(1);
  expect_sender(kAgent);
  EXPECT_EQ(correlator_->waiting(), 99U + 7U);
}

// A privileged forger sends the victim's bytes with the victim's credentials. If the remaining
// groups counted for the victim, it would have the most groups in the end, and lose stamps of
// frames that nobody forged.
TEST_F(EvictionTest, ForgedStampsDoNotCountForTheirVictim) {
  for (const bool victim_is_first : {true, false}) {
    use(PairingKey::ContentAndCredentials, 64);
    flood(kOther, 20);
    stamped(kAgent, 1);
    for (std::uint64_t number = 0; number < 60; number++) {
      if (victim_is_first) stamped_numbered(kAgent, number, kAgent);
      stamped_numbered(kFlooder, number, kAgent);
      if (!victim_is_first) stamped_numbered(kAgent, number, kAgent);
      received_numbered(number, kAgent);
      expect_refused(Unattested::AmbiguousStamp);
    }
    received(1);
    expect_sender(kAgent);
  }
}

// Nor can a flood of ambiguities take more than any sender may.
TEST_F(EvictionTest, AmbiguousGroupsCountTogether) {
  use(PairingKey::ContentAndCredentials, 64);
  for (std::uint8_t content = 1; content <= 16; content++) stamped(kAgent, content);
  for (std::uint64_t number = 0; number < 1'000; number++) {
    stamped_numbered(kFlooder, number, kAgent);
    stamped_numbered(kOther, number, kAgent);
  }
  for (std::uint8_t content = 1; content <= 16; content++) {
    received(content);
    expect_sender(kAgent);
  }
}

TEST_F(EvictionTest, StampsOfASlotsFormerProcessAreEvictedFirst) {
  use(PairingKey::ContentAndCredentials, 64);
  flood(kFlooder, 64);
  hb_stamp successor = stamp(kAgent, 1, kAgent);
  successor.slot = kFlooder;
  correlator_->add_stamp(successor, now_ns_);
  flood(kOther, 30);
  received(1);
  expect_sender(kAgent);
}

TEST_F(EvictionTest, SlotOutOfRangeCountsAsAmbiguous) {
  use(PairingKey::ContentAndCredentials, 4, 10);  // below all of the tests' slots
  stamped(kAgent, 1);
  flood(kFlooder, 4);
  received(1);
  expect_missing(Correlator::MissingStamp::Evicted);
}

// The promise: a sender with fewer groups than capacity / (slots + 1) loses none, whatever the
// others do.
TEST_F(EvictionTest, SenderWithFewStampsIsNeverEvicted) {
  constexpr std::size_t kSlots = 63;
  constexpr std::size_t kFew = 3;
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  for (int round = 0; round < 5; round++) {
    use(PairingKey::ContentAndCredentials, 4 * (kSlots + 1), kSlots);
    std::map<std::uint32_t, std::vector<std::uint64_t>> modest;
    for (int step = 0; step < 1'000; step++) {
      const auto tgid = static_cast<std::uint32_t>(random() % kSlots);
      const bool is_modest = tgid % 2 == 0;
      if (is_modest && modest[tgid].size() == kFew) continue;
      if (is_modest) modest[tgid].push_back(number_ + 1);
      flood(tgid, is_modest ? 1 : 1 + random() % 40);
    }
    for (const auto& [tgid, numbers] : modest) {
      for (const std::uint64_t number : numbers) {
        received_numbered(number, tgid);
        expect_sender(tgid);
      }
    }
  }
}

TEST(StampsForTest, RoomForFourOfEachSenderAndTwiceTheRing) {
  EXPECT_EQ(stamps_for(std::size_t{1} << 20, 16'384), 65'536U);
  EXPECT_EQ(stamps_for(std::size_t{32} << 20, 16'384), 524'288U);
  EXPECT_EQ(stamps_for(4'096, 2'097'152), 8'388'608U);
}

}  // namespace
}  // namespace hb
