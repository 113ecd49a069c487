// Replay protection: which frames are fresh, and which senders are kept.
#include "secure/sender_table.hpp"

#include <gtest/gtest.h>

namespace hb::secure {
namespace {

constexpr std::uint64_t kLive = 100;
constexpr std::uint64_t kTerminal = vlp::kTerminalNonce;

class Senders : public ::testing::Test {
 protected:
  using Answer = SenderTable::Answer;

  // A frame of `pid` in a session.
  std::string hear(std::uint32_t pid, std::uint64_t session, std::uint32_t counter,
                   std::uint64_t timestamp, std::uint64_t nonce = 1) {
    return hear({KeyKind::Shared, pid, kThisHost}, {session, counter, timestamp, nonce});
  }
  // Of pid 7 at the host 192.0.2.`host`. Says at which host the agent is, if another.
  std::string hear_from(std::uint8_t host, std::uint64_t session, std::uint32_t counter,
                        std::uint64_t timestamp, KeyKind key = KeyKind::Shared) {
    Sender sender{key, 7, key == KeyKind::Shared ? at(host) : kThisHost};
    const std::string answer = hear(sender, {session, counter, timestamp, 1});
    const bool is_there = key == KeyKind::Master || sender.host == at(host);
    return is_there ? answer : answer + " as " + std::to_string(sender.host.bytes.back());
  }
  static HostAddress at(std::uint8_t host) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, host}};
  }

  std::string hear(Sender&& sender, const Place& place) { return hear(sender, place); }
  std::string hear(Sender& sender, const Place& place) {
    switch (table_.admit(sender, place, now_)) {
      case Answer::Fresh: return "fresh";
      case Answer::Replayed: return "replayed";
      case Answer::Full: return "full";
    }
    return "";
  }

  void fill() {
    for (std::uint32_t pid = 100; pid < 104; ++pid) ASSERT_EQ(hear(pid, 1, 0, 50), "fresh");
  }

  SenderTable table_{4, kLive, 1};
  std::uint64_t now_ = 1000;
};

TEST_F(Senders, CountersOnlyGoUp) {
  EXPECT_EQ(hear(7, 1, 5, 10), "fresh");
  EXPECT_EQ(hear(7, 1, 5, 10), "replayed");
  EXPECT_EQ(hear(7, 1, 4, 99), "replayed");
  EXPECT_EQ(hear(7, 1, 6, 11), "fresh");
  EXPECT_EQ(hear(7, 1, 0xFFFFFFFF, 12), "fresh");
  EXPECT_EQ(hear(7, 1, 0, 13), "replayed") << "a counter never wraps";
}

TEST_F(Senders, EachPidCountsForItself) {
  EXPECT_EQ(hear(7, 1, 5, 10), "fresh");
  EXPECT_EQ(hear(8, 1, 0, 10), "fresh");
}

TEST_F(Senders, ANewSessionMustBeLater) {
  EXPECT_EQ(hear(7, 1, 5, 10, 9), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 9, 1), "replayed");
  EXPECT_EQ(hear(7, 2, 0, 10, 9), "replayed");
  EXPECT_EQ(hear(7, 2, 0, 11, 1), "fresh");
}

// An agent that draws a new random number within one tick of its clock.
TEST_F(Senders, InOneTickTheNonceDecides) {
  EXPECT_EQ(hear(7, 1, 5, 10, 9), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 10, 10), "fresh");
  EXPECT_EQ(hear(7, 1, 6, 10, 10), "replayed");
}

TEST_F(Senders, AnOldSessionNeverComesBack) {
  EXPECT_EQ(hear(7, 1, 0, 10), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 20), "fresh");
  EXPECT_EQ(hear(7, 3, 0, 30), "fresh");
  now_ += 1000 * kLive;
  for (std::uint64_t session = 1; session <= 2; ++session) {
    for (std::uint32_t counter = 0; counter < 10; ++counter) {
      EXPECT_EQ(hear(7, session, counter, 10 * session + counter), "replayed");
    }
  }
}

// A sender that drew one random number twice was in its first session once more: with a counter
// that began again, so that what had been recorded of the first time was fresh. Found by fuzzing.
TEST_F(Senders, ASessionThatIsBegunTwiceAcceptsNothingTwice) {
  EXPECT_EQ(hear(7, 1, 5, 10, 1), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 10, kTerminal), "fresh");
  EXPECT_EQ(hear(7, 1, 0, 11, 0), "fresh");
  EXPECT_EQ(hear(7, 1, 5, 10, 1), "replayed");
  EXPECT_EQ(hear(7, 1, 5, 10, kTerminal), "replayed");
  EXPECT_EQ(hear(7, 1, 5, 11, 0), "fresh");
}

// A replay is refused also after a silence.
TEST_F(Senders, AReplayIsRefusedAlsoAfterASilence) {
  EXPECT_EQ(hear(7, 1, 5, 10), "fresh");
  now_ += 1'000'000 * kLive;
  EXPECT_EQ(hear(7, 1, 5, 10), "replayed");
  EXPECT_EQ(hear(7, 2, 0, 10), "replayed");
}

TEST_F(Senders, TheLastWordCountsAsTheHighestOfItsTick) {
  EXPECT_EQ(hear(7, 1, 5, 10, kTerminal), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 10, 1), "replayed");
  EXPECT_EQ(hear(7, 2, 0, 11, 1), "fresh");
}

TEST_F(Senders, InOneSessionAClockThatGoesBackLowersNothing) {
  EXPECT_EQ(hear(7, 1, 0, 100), "fresh");
  EXPECT_EQ(hear(7, 1, 1, 50), "fresh");
  EXPECT_EQ(hear(7, 2, 0, 60), "replayed");
  EXPECT_EQ(hear(7, 2, 0, 101), "fresh");
  EXPECT_EQ(hear(7, 2, 1, 101), "fresh");
  EXPECT_EQ(hear(7, 2, 2, 100), "replayed") << "the first session's";
}

// Frames without a time, as those of an agent that has no clock.
TEST_F(Senders, InItsFirstSessionTheCounterAloneDecides) {
  EXPECT_EQ(hear(7, 1, 0, 0, 0), "fresh");
  EXPECT_EQ(hear(7, 1, 1, 0, 0), "fresh");
}

TEST_F(Senders, LiveSendersAreNeverEvicted) {
  fill();
  now_ += kLive - 1;
  for (std::uint32_t pid = 200; pid < 300; ++pid) EXPECT_EQ(hear(pid, 1, 0, 50), "full");
  EXPECT_EQ(table_.forgotten(), 0U);
  for (std::uint32_t pid = 100; pid < 104; ++pid) EXPECT_EQ(hear(pid, 1, 0, 50), "replayed");
}

TEST_F(Senders, TheLongestSilentIsEvicted) {
  fill();
  now_ += 10;
  for (const std::uint32_t pid : {100U, 102U, 103U}) ASSERT_EQ(hear(pid, 1, 1, 51), "fresh");
  now_ += kLive - 10;
  EXPECT_EQ(hear(200, 1, 0, 99), "fresh");
  EXPECT_EQ(hear(201, 1, 0, 99), "full");
  EXPECT_EQ(table_.forgotten(), 1U);
  EXPECT_EQ(table_.size(), 4U);
  EXPECT_EQ(hear(102, 1, 1, 51), "replayed") << "still known";
}

// A replay does not count as a sign of life: it must not keep a dead sender's entry.
TEST_F(Senders, AReplayDoesNotMakeItsSenderSeemAlive) {
  fill();
  now_ += kLive;
  for (std::uint32_t pid = 100; pid < 104; ++pid) ASSERT_EQ(hear(pid, 1, 0, 50), "replayed");
  EXPECT_EQ(hear(200, 1, 0, 50), "fresh");
}

TEST_F(Senders, WhatWasRecordedOfAForgottenSenderIsRefused) {
  fill();
  now_ += kLive;
  ASSERT_EQ(hear(200, 1, 0, 99), "fresh");
  ASSERT_EQ(table_.forgotten(), 1U);
  now_ += kLive;
  EXPECT_EQ(hear(100, 1, 0, 50), "replayed");
  EXPECT_EQ(hear(100, 1, 1, 50), "replayed");
  EXPECT_EQ(hear(100, 9, 0, 49), "replayed");
  EXPECT_EQ(hear(100, 9, 0, 51), "fresh") << "and it can come back itself";
}

// --- Two hosts with one key ---

TEST_F(Senders, OnePidAtTwoHostsIsTwoSenders) {
  EXPECT_EQ(hear_from(1, 100, 0, 5000), "fresh");
  EXPECT_EQ(hear_from(2, 200, 0, 10), "fresh") << "its clock is lower";
  EXPECT_EQ(hear_from(1, 100, 1, 5001), "fresh");
  EXPECT_EQ(hear_from(2, 200, 1, 11), "fresh");
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(Senders, OnePidWithItsOwnKeyIsOneSenderWhereverItIs) {
  EXPECT_EQ(hear_from(1, 100, 0, 5000, KeyKind::Master), "fresh");
  EXPECT_EQ(hear_from(2, 100, 1, 5001, KeyKind::Master), "fresh");
  EXPECT_EQ(hear_from(2, 200, 0, 10, KeyKind::Master), "replayed");
  EXPECT_EQ(table_.size(), 1U);
}

// What was recorded on the network would be fresh once for each address that it is sent from.
TEST_F(Senders, ARecordedFrameIsNotFreshFromAnotherAddress) {
  ASSERT_EQ(hear_from(1, 100, 0, 10), "fresh");
  ASSERT_EQ(hear_from(1, 100, 1, 11), "fresh");
  for (std::uint8_t host = 2; host < 200; ++host) {
    EXPECT_EQ(hear_from(host, 100, 0, 10), "replayed as 1");
    EXPECT_EQ(hear_from(host, 100, 1, 11), "replayed as 1");
  }
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(Senders, AnEndedSessionIsNotFreshFromAnotherAddress) {
  ASSERT_EQ(hear_from(1, 100, 0, 10), "fresh");
  ASSERT_EQ(hear_from(1, 101, 0, 20), "fresh");
  EXPECT_EQ(hear_from(2, 100, 0, 10), "replayed");
  EXPECT_EQ(hear_from(2, 100, 9, 99), "replayed");
  EXPECT_EQ(hear_from(2, 200, 0, 5), "fresh") << "a session of its own";
}

TEST_F(Senders, NorIsTheSessionOfAForgottenSender) {
  ASSERT_EQ(hear_from(1, 100, 0, 10), "fresh");
  now_ += kLive;
  fill();
  ASSERT_EQ(table_.forgotten(), 1U);
  now_ += kLive;
  EXPECT_EQ(hear_from(2, 100, 5, 50), "replayed");
  EXPECT_EQ(hear_from(1, 101, 0, 11), "fresh") << "it can come back itself";
}

// An agent whose host gets another address goes on; and an address that somebody forges is not
// where it is.
TEST_F(Senders, ASessionStaysWithTheHostWhereItBegan) {
  ASSERT_EQ(hear_from(1, 100, 0, 10), "fresh");
  EXPECT_EQ(hear_from(2, 100, 1, 11), "fresh as 1");
  EXPECT_EQ(hear_from(1, 100, 2, 12), "fresh");
  EXPECT_EQ(hear_from(2, 101, 0, 1), "fresh") << "the next session may begin there";
}

// Else whoever forges the address could end a live session with another host's later clock.
TEST_F(Senders, ASessionOfAnotherHostDoesNotEndTheOneHere) {
  ASSERT_EQ(hear_from(2, 200, 0, 9000), "fresh");
  ASSERT_EQ(hear_from(2, 201, 0, 9001), "fresh");
  ASSERT_EQ(hear_from(1, 100, 0, 10), "fresh");
  EXPECT_EQ(hear_from(1, 200, 1, 9002), "replayed");
  EXPECT_EQ(hear_from(1, 100, 1, 11), "fresh");
}

// Ten thousand senders through a table of four: the index stays right.
TEST_F(Senders, TheIndexIsRightAfterManyEvictions) {
  ASSERT_EQ(hear(2, 2, 0, 2), "fresh");
  for (std::uint32_t pid = 3; pid < 10'000; ++pid) {
    now_ += kLive;
    ASSERT_EQ(hear(pid, pid, 0, pid), "fresh") << pid;
    ASSERT_EQ(hear(pid, pid, 0, pid), "replayed") << pid;
    ASSERT_EQ(hear(pid - 1, pid - 1, pid, pid), "fresh") << pid;
  }
  EXPECT_EQ(table_.size(), 4U);
}

}  // namespace
}  // namespace hb::secure
