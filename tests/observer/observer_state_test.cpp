// An observer goes on where its predecessor was: agents, counters, and its time.
#include <cstddef>
#include <span>
#include <utility>

#include "base/units.hpp"
#include "state/state_memory.hpp"
#include "tests/observer/fake_clock.hpp"
#include "tests/observer/fake_source.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverStateTest : public ObserverTest {
 protected:
  ObserverStateTest() : memory_(made()) {
    config_.policy.observer_ns_inode = kHome;
    config_.state = &memory_;
  }

  static StateMemory made() {
    auto memory = StateMemory::create(Observer::layout({}),
                                      {.boot_id = "", .run_id = "", .start_ns = kStart});
    EXPECT_TRUE(memory) << memory.error().message;
    return std::move(memory).value();
  }

  // A beat that a predecessor has recorded, and told, but not noted as handled.
  Arrival left_in_hand() {
    Arrival in_hand = beat(10, 5);
    std::get<Identity>(in_hand.attestation).sent_ns = kStart + 1;
    advance(10);
    Observer predecessor(clock_, config_);
    predecessor.add(a_);
    a_.deliver(in_hand);
    EXPECT_TRUE(predecessor.poll());
    return in_hand;
  }

  StateMemory memory_;
  Observer::Config config_;
};

TEST_F(ObserverStateTest, CountersAndTimeAndAgentsGoOn) {
  {
    Observer first(clock_, config_);
    EXPECT_EQ(first.taken_back().agents.agents, 0U);
    first.add(a_);
    a_.deliver(beat(10, 5));
    EXPECT_TRUE(first.poll());
  }
  advance(50);
  Observer second(clock_, config_);
  EXPECT_EQ(second.taken_back().agents.agents, 1U);
  EXPECT_TRUE(second.taken_back().has_counters);
  EXPECT_EQ(second.start_ns(), kStart);
  second.add(a_);
  a_.deliver(beat(10, 5));
  second.poll();
  EXPECT_EQ(second.counters().beats, 1U);
  EXPECT_EQ(second.counters().out_of_order, 1U);
  EXPECT_EQ(second.counters().receptions, second.counters().handled());
}

// How long nobody observed is known, and no silence follows from it.
TEST_F(ObserverStateTest, TheTimeInWhichNobodyObservedIsNoSilence) {
  config_.threshold_ns = kNsPerSecond;
  {
    Observer first(clock_, config_);
    first.add(a_);
    a_.deliver(beat(10, 5));
    EXPECT_TRUE(first.poll());
    first.poll();
  }
  advance(5 * kNsPerSecond);
  Observer second(clock_, config_);
  EXPECT_EQ(second.taken_back().away_ns, 5 * kNsPerSecond);
  second.add(a_);
  EXPECT_FALSE(second.poll());
  EXPECT_EQ(second.counters().clock_jumps, 1U);
  advance(kNsPerSecond - 1);
  EXPECT_FALSE(second.poll());
}

TEST_F(ObserverStateTest, TheFrameInHandAtAKillIsCountedOnce) {
  const Arrival in_hand = left_in_hand();
  Observer second(clock_, config_);
  second.add(a_);
  a_.deliver(in_hand);
  const auto again = second.poll();
  ASSERT_TRUE(again && std::holds_alternative<Beat>(*again));
  EXPECT_TRUE(std::get<Beat>(*again).may_be_repeated);
  EXPECT_EQ(second.counters().beats, 1U);
  EXPECT_EQ(second.counters().receptions, 1U);
  EXPECT_EQ(second.counters().out_of_order, 0U);
}

// A kill after a beat was recorded, and before it was counted: after 1,000 kills under sanitizers
// one less was counted than was sent.
TEST_F(ObserverStateTest, TheFrameInHandIsCountedIfItsPredecessorDidNot) {
  const Arrival in_hand = left_in_hand();
  --reinterpret_cast<Counters*>(memory_.region(StateRegion::Counters).data())->beats;
  for (int successors = 0; successors < 3; ++successors) {
    Observer next(clock_, config_);
    next.add(a_);
    a_.deliver(in_hand);
    EXPECT_TRUE(next.poll());
    EXPECT_EQ(next.counters().beats, 1U);
    EXPECT_EQ(next.counters().receptions, 1U);
  }
}

// What was written before a kill may have been read, or not: whoever reads both lines can tell.
TEST_F(ObserverStateTest, AStallInHandAtAKillIsToldAgainAndSaysSo) {
  const auto tell = [&] {
    Observer observer(clock_, config_);
    observer.add(a_);
    std::optional<Event> event = observer.poll();
    for (int n = 0; n < 100 && !event; ++n) {  // in steps that are no gaps
      advance(config_.threshold_ns / 20);
      event = observer.poll();
    }
    const auto* stall = event ? std::get_if<Stall>(&*event) : nullptr;
    return stall != nullptr ? std::optional(stall->may_be_repeated) : std::nullopt;
  };
  a_.deliver(beat(10, 5));
  EXPECT_EQ(tell(), std::nullopt) << "the beat";
  EXPECT_EQ(tell(), false);
  EXPECT_EQ(tell(), true);
  EXPECT_EQ(tell(), true);
  advance(2 * config_.threshold_ns);  // a gap, after which what was sent is read first
  a_.deliver(beat(10, 6));
  EXPECT_EQ(tell(), std::nullopt) << "the beat";
  EXPECT_EQ(tell(), false) << "another silence";
}

// A source is told of each reception that has been handled, when its event has been told.
TEST_F(ObserverStateTest, ASourceIsToldWhatHasBeenHandled) {
  Observer observer(clock_, config_);
  observer.add(a_);
  a_.deliver(beat(10, 5));
  a_.deliver(beat(11, 5));
  EXPECT_TRUE(observer.poll());
  EXPECT_EQ(a_.handled_count(), 0U);
  EXPECT_TRUE(observer.poll());
  EXPECT_EQ(a_.handled_count(), 1U);
  EXPECT_FALSE(observer.poll());
  EXPECT_EQ(a_.handled_count(), 2U);
}

TEST_F(ObserverStateTest, AReceptionThatWasUnderWayIsNotCounted) {
  auto* counters = reinterpret_cast<Counters*>(memory_.region(StateRegion::Counters).data());
  counters->receptions = 8;
  counters->beats = 7;
  const Observer observer(clock_, config_);
  EXPECT_EQ(observer.counters().receptions, 7U);
}

TEST_F(ObserverStateTest, CountersThatDoNotAddUpBeginAgain) {
  reinterpret_cast<Counters*>(memory_.region(StateRegion::Counters).data())->beats = 1U << 20;
  const Observer observer(clock_, config_);
  EXPECT_FALSE(observer.taken_back().has_counters);
  EXPECT_EQ(observer.counters().beats, 0U);
}

}  // namespace
}  // namespace hb
