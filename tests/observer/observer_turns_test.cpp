// Turns of the sources, and reading ahead.
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

TEST_F(ObserverTest, EachPollReturnsOneEvent) {
  a_.deliver(beat(7, 1));
  a_.deliver(beat(7, 2));
  EXPECT_EQ(poll(), "beat 7/1");
  EXPECT_EQ(observer_.counters().receptions, 1U);
}

TEST_F(ObserverTest, SourcesTakeTurns) {
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    a_.deliver(beat(7, nonce));
    b_.deliver(beat(8, nonce));
  }
  EXPECT_EQ(poll_all(),
            (Words{"beat 7/1", "beat 8/1", "beat 7/2", "beat 8/2", "beat 7/3", "beat 8/3"}));
}

TEST_F(ObserverTest, AFloodOnOneSourceDelaysAnotherByWhatWasReadAhead) {
  a_.flood(garbage());
  poll();
  b_.deliver(beat(8, 1));
  std::size_t before = 1;
  while (poll() != "beat 8/1") ASSERT_LE(++before, Feeds::kAhead + 1);
}

// One instant for all that was read together: it had come by then.
TEST_F(ObserverTest, WhatWasReadTogetherIsOfOneInstant) {
  a_.deliver(beat(7, 1));
  a_.deliver(beat(8, 1));
  EXPECT_EQ(poll_for<Beat>().observer_ns, 0U);
  advance(5);
  EXPECT_EQ(poll_for<Beat>().observer_ns, 0U);
}

// A failing source is not read again at once, and what was read before is not lost.
TEST_F(ObserverTest, AFailureEndsWhatIsReadTogether) {
  a_.deliver(beat(7, 1));
  a_.flood(ReceiveFailed{Error{"nope", 1}});
  EXPECT_EQ(poll(), "beat 7/1");
  EXPECT_EQ(poll(), "io nope");
  EXPECT_EQ(log_, (Words{"a:took", "b:empty", "a:took"}));
}

// Reading costs a system call. A frame that comes meanwhile waits no longer than that pause.
class ObserverRestTest : public ObserverTest {
 protected:
  static constexpr std::uint64_t kRest = 10;

  ObserverRestTest() {
    resting_.add(a_);
    resting_.add(b_);
  }

  std::string poll() { return words(resting_.poll()); }

  Observer resting_{clock_, {.empty_pause_ns = kRest, .policy = {}, .seed = 1}};
};

TEST_F(ObserverRestTest, AnEmptySourceIsNotReadForEachFrameOfAnother) {
  for (int i = 0; i < 4; ++i) b_.deliver(garbage());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(poll(), "BadMagic");
  EXPECT_EQ(log_, (Words{"a:empty", "b:took", "b:took", "b:took", "b:took", "b:empty", "a:empty"}));
}

TEST_F(ObserverRestTest, AnEmptySourceIsReadAgainAfterItsPause) {
  b_.flood(garbage());
  poll();
  advance(kRest);
  a_.deliver(AncillaryTruncated{});
  std::size_t before = 1;
  while (poll() != "ctrl truncated") ASSERT_LE(++before, Feeds::kAhead + 1);
}

TEST_F(ObserverRestTest, AnEmptySourceIsReadWhenTheOthersAreEmpty) {
  EXPECT_EQ(poll(), "nothing");
  log_.clear();
  a_.deliver(garbage());
  EXPECT_EQ(poll(), "BadMagic");
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(log_, (Words{"a:took", "a:empty", "b:empty"}));
}

TEST_F(ObserverTest, AFloodOfSilentDropsDelaysAnotherSourceByOneTurn) {
  a_.flood(Dropped{FrameDrop::WrongLength});
  b_.deliver(beat(8, 1));
  EXPECT_EQ(poll(), "beat 8/1");
  EXPECT_EQ(observer_.counters().receptions, 2U);
}

}  // namespace
}  // namespace hb
