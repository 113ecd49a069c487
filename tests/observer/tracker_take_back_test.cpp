// A tracker whose process is killed at any instruction, and the one that comes after it.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "observer/tracker.hpp"

namespace hb {
namespace {

constexpr std::size_t kCapacity = 32;
constexpr std::uint64_t kThreshold = 1000;
constexpr std::uint64_t kEndOfTime = std::uint64_t{1} << 40;
constexpr Tracker::Instants kNow{.now_ns = kEndOfTime, .boot_ns = kEndOfTime};

StateMemory new_memory() {
  StateMemory::Layout layout;
  Tracker::add_to(layout, kCapacity);
  auto made = StateMemory::create(layout, {});
  EXPECT_TRUE(made) << made.error().message;
  return std::move(made).value();
}

// With another seed each time, as in another process.
Tracker tracker_in(const StateMemory& memory, std::size_t agents_per_owner = 0) {
  static std::uint64_t seed = 0;
  return {kCapacity,        kThreshold, ++seed, Eviction::Strict,
          agents_per_owner, 0,          0,      OriginPrecedence::First,
          &memory};
}

TrackedBeat beat(std::uint32_t pid, std::uint64_t nonce, std::uint64_t generation_ns = 5) {
  return {.pid = pid, .ns_inode = 7, .generation_ns = generation_ns, .nonce = nonce, .owner = 3};
}

template <typename T>
bool is(const Tracker::Outcome& outcome) {
  return std::holds_alternative<T>(outcome);
}

TEST(TrackerTakesBack, NothingOfANewMemory) {
  const StateMemory memory = new_memory();
  Tracker tracker = tracker_in(memory);
  const auto taken = tracker.take_back(kNow);
  EXPECT_EQ(taken.agents + taken.dead + taken.torn + taken.refused, 0U);
  EXPECT_EQ(tracker.size(), 0U);
}

TEST(TrackerTakesBack, NoncesSoThatNoBeatIsAcceptedTwice) {
  const StateMemory memory = new_memory();
  tracker_in(memory).record(beat(10, 8), 100);
  Tracker next = tracker_in(memory);
  EXPECT_EQ(next.take_back(kNow).agents, 1U);
  EXPECT_TRUE(is<Tracker::OutOfOrder>(next.record(beat(10, 8), 200)));
  EXPECT_TRUE(is<Tracker::NamespaceConflict>(
      next.record({.pid = 10, .ns_inode = 8, .generation_ns = 5, .nonce = 9}, 200)));
  EXPECT_TRUE(is<Tracker::Refreshed>(next.record(beat(10, 9), 200)));
}

TEST(TrackerTakesBack, DeadlinesInTheirOrder) {
  const StateMemory memory = new_memory();
  {
    Tracker first = tracker_in(memory);
    first.record(beat(12, 1), 100);
    first.record(beat(11, 1), 200);
    first.record(beat(13, 1), 300);
    first.record(beat(12, 2), 400);
    first.set_threshold(13, 5, 5000);
  }
  Tracker next = tracker_in(memory);
  next.take_back(kNow);
  EXPECT_EQ(next.shortest_threshold_ns(), kThreshold);
  EXPECT_EQ(next.next_deadline_ns(), 1200U);
  EXPECT_EQ(next.expire(1400)->pid, 11U);
  EXPECT_EQ(next.expire(1400)->pid, 12U);
  EXPECT_FALSE(next.expire(5299));
  EXPECT_EQ(next.expire(5300)->pid, 13U);
}

void tell_silence_of_10(const StateMemory& memory) {
  Tracker first = tracker_in(memory);
  first.record(beat(10, 1), 100);
  EXPECT_TRUE(first.expire(2000));
  first.note_told();
}

TEST(TrackerTakesBack, SilencesThatWereToldAndTellsThemNotAgain) {
  const StateMemory memory = new_memory();
  tell_silence_of_10(memory);
  Tracker next = tracker_in(memory);
  EXPECT_EQ(next.take_back(kNow).agents, 1U);
  EXPECT_FALSE(next.expire(90000));
}

// Who acts upon silences has forgotten what it had begun.
TEST(TrackerTakesBack, SilencesThatWereToldToTellThemAgainWhereThatIsWanted) {
  const StateMemory memory = new_memory();
  tell_silence_of_10(memory);
  Tracker next = tracker_in(memory);
  EXPECT_EQ(next.take_back(kNow, true).agents, 1U);
  EXPECT_EQ(next.expire(90000)->pid, 10U);
  EXPECT_FALSE(next.expire(90000));
}

// It was killed between the two.
TEST(TrackerTakesBack, SilencesAndExitsThatWereRecordedAndNotToldToTellThem) {
  const StateMemory memory = new_memory();
  {
    Tracker first = tracker_in(memory);
    first.record(beat(10, 1), 100);
    first.record(beat(11, 1), 100);
    EXPECT_TRUE(first.expire(2000));  // told by the time of the next call
    EXPECT_TRUE(first.expire(2000));
  }
  {
    Tracker next = tracker_in(memory);
    EXPECT_EQ(next.take_back(kNow).agents, 2U);
    EXPECT_EQ(next.expire(90000)->pid, 11U);
    EXPECT_FALSE(next.expire(90000));
    EXPECT_TRUE(next.record_exit(10, 5));
  }
  Tracker last = tracker_in(memory);
  EXPECT_EQ(last.take_back(kNow).dead, 0U);
  EXPECT_TRUE(last.record_exit(10, 5));
  last.note_told();
  EXPECT_FALSE(last.record_exit(10, 5));
}

// The frame that was in hand at the kill is read again.
TEST(TrackerTakesBack, TheBeatThatItRecordedLastAndKnowsItAgain) {
  const StateMemory memory = new_memory();
  TrackedBeat in_hand = beat(10, 8);
  in_hand.sent_ns = 90;
  tracker_in(memory).record(in_hand, 100);
  Tracker next = tracker_in(memory);
  next.take_back(kNow);
  EXPECT_TRUE(next.repeat(in_hand, 200, true));
  EXPECT_FALSE(next.repeat(in_hand, 200, true)) << "only the first is";
  EXPECT_TRUE(is<Tracker::OutOfOrder>(next.record(in_hand, 200)));
}

TEST(TrackerTakesBack, AnotherBeatThanTheOneInHandIsNotRepeated) {
  TrackedBeat recorded = beat(10, 8);
  recorded.sent_ns = 90;
  const auto is_repeated = [&](const TrackedBeat& next_beat, bool is_counted = false) {
    const StateMemory memory = new_memory();
    tracker_in(memory).record(recorded, 100);
    Tracker next = tracker_in(memory);
    next.take_back(kNow);
    return next.repeat(next_beat, 200, is_counted);
  };
  EXPECT_TRUE(is_repeated(recorded));
  EXPECT_TRUE(is_repeated(recorded, true));
  // A process that begins its nonces with each beat, or the kill came between nonce and instant.
  TrackedBeat later = recorded;
  later.sent_ns = 91;
  EXPECT_FALSE(is_repeated(later, true));
  EXPECT_TRUE(is_repeated(later, false));
  TrackedBeat other = recorded;
  other.sent_ns = 89;
  EXPECT_FALSE(is_repeated(other));
  other = recorded;
  other.nonce = 9;
  EXPECT_FALSE(is_repeated(other));
  other = recorded;
  other.generation_ns = 6;
  EXPECT_FALSE(is_repeated(other));
  other = recorded;
  other.pid = 11;
  EXPECT_FALSE(is_repeated(other));
}

TEST(TrackerTakesBack, ATerminalBeatInHandIsKnownAgainToo) {
  const StateMemory memory = new_memory();
  TrackedBeat last_word = beat(10, vlp::kTerminalNonce);
  last_word.status = vlp::Status::Critical;
  last_word.sent_ns = 90;
  tracker_in(memory).record(last_word, 100);
  Tracker next = tracker_in(memory);
  next.take_back(kNow);
  EXPECT_TRUE(next.repeat(last_word, 200, true));
  EXPECT_TRUE(is<Tracker::Refreshed>(next.record(last_word, 200)));
}

TEST(TrackerTakesBack, TheDeadInTheOrderOfTheirExits) {
  const StateMemory memory = new_memory();
  {
    Tracker first = tracker_in(memory);
    for (std::uint32_t pid = 1; pid <= kCapacity; ++pid) first.record(beat(pid, 1), 100 + pid);
    first.record_exit(9, 5);
    first.record_exit(4, 5);
    first.note_told();
  }
  Tracker next = tracker_in(memory);
  EXPECT_EQ(next.take_back(kNow).dead, 2U);
  EXPECT_FALSE(next.record_exit(9, 5));
  next.record(beat(100, 1), 200);  // in place of 9
  EXPECT_TRUE(is<Tracker::OutOfOrder>(next.record(beat(4, 2), 200)));
  EXPECT_TRUE(next.record_exit(20, 5));
  next.record(beat(101, 1), 200);  // in place of 4, which died before 20
  EXPECT_TRUE(is<Tracker::OutOfOrder>(next.record(beat(20, 2), 200)));
}

TEST(TrackerTakesBack, HowManyAgentsAnOwnerHas) {
  const StateMemory memory = new_memory();
  {
    Tracker first = tracker_in(memory, 2);
    first.record(beat(10, 1), 100);
    first.record(beat(11, 1), 100);
  }
  Tracker next = tracker_in(memory, 2);
  next.take_back(kNow);
  EXPECT_TRUE(is<Tracker::Full>(next.record(beat(12, 1), 200)));
  next.record_exit(10, 5);
  EXPECT_TRUE(is<Tracker::Inserted>(next.record(beat(12, 1), 200)));
}

// Whatever a slot says, the successor works: no field that anything relies on is taken unchecked.
TEST(TrackerTakesBack, AMemoryInWhichAnyByteIsAltered) {
  const StateMemory memory = new_memory();
  {
    Tracker first = tracker_in(memory);
    for (std::uint32_t pid = 10; pid < 14; ++pid) first.record(beat(pid, 1), pid);
    first.set_threshold(12, 5, 5000);
    first.record_exit(13, 5);
  }
  constexpr std::size_t kFirst = AgentTable::kLists;
  const auto try_all = [&](StateRegion region, std::size_t from, std::size_t to) {
    for (std::size_t n = from; n < to; ++n) {
      for (const unsigned flip : {0xFFU, 1U, 0x80U, 0x40U, 8U}) {
        const StateMemory copy = new_memory();
        for (const auto part : {StateRegion::Slots, StateRegion::Rests, StateRegion::Thresholds}) {
          std::ranges::copy(memory.region(part), copy.region(part).begin());
        }
        copy.region(region)[n] ^= static_cast<std::byte>(flip);
        Tracker next = tracker_in(copy);
        const auto taken = next.take_back(kNow);
        ASSERT_LE(taken.agents + taken.dead + taken.torn + taken.refused, 5U) << n;
        for (std::uint32_t pid = 8; pid < 60; ++pid) next.record(beat(pid, 9), kEndOfTime);
        for (std::uint32_t pid = 8; pid < 30; ++pid) next.record_exit(pid, 5);
        while (next.expire(2 * kEndOfTime)) {
        }
        ASSERT_LE(next.size(), kCapacity);
      }
    }
  };
  try_all(StateRegion::Slots, kFirst * sizeof(AgentTable::Slot),
          (kFirst + 4) * sizeof(AgentTable::Slot));
  try_all(StateRegion::Rests, kFirst * sizeof(AgentTable::Rest),
          (kFirst + 4) * sizeof(AgentTable::Rest));
  try_all(StateRegion::Thresholds, 0, sizeof(Thresholds::Kept));
}

// What the killed one has told of its work, after each step: highest nonces and who has ended.
struct Told {
  static constexpr std::uint32_t kPids = 48;
  std::uint64_t steps;
  std::array<std::uint64_t, kPids> accepted;  // nonce of the last accepted beat
  std::array<std::uint64_t, kPids> tried;     // of the last one that was given to it
  std::array<std::uint64_t, kPids> ended;     // 1: its exit has been recorded; 2: perhaps
  std::uint64_t forgotten;                    // 1: an agent was evicted
};

[[noreturn]] void work(const StateMemory& memory, Told& told, std::uint64_t seed) {
  Tracker tracker = tracker_in(memory);
  tracker.take_back(kNow);
  std::minstd_rand random(static_cast<unsigned>(seed));
  for (std::uint64_t now = 1;; ++now) {
    const auto pid = static_cast<std::uint32_t>(random() % Told::kPids);
    const unsigned what = random() % 16;
    if (what == 0) {
      const std::uint64_t before = std::exchange(told.ended[pid], 2);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      const bool ended = tracker.record_exit(pid + 1, 5).has_value();
      tracker.note_told();
      std::atomic_signal_fence(std::memory_order_seq_cst);
      told.ended[pid] = ended ? 1 : before;
    } else if (what == 1) {
      tracker.set_threshold(pid + 1, 5, 1000 + random() % 8);
    } else if (what == 2) {
      tracker.expire(now, [&](const Tracker::Due&) { return random() % 2 == 0; });
      tracker.note_told();
    } else {
      const std::uint64_t nonce = told.tried[pid] + 1;
      told.tried[pid] = nonce;
      std::atomic_signal_fence(std::memory_order_seq_cst);
      const auto outcome = tracker.record(beat(pid + 1, nonce), now);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      const auto* inserted = std::get_if<Tracker::Inserted>(&outcome);
      if (inserted != nullptr && inserted->evicted) told.forgotten = 1;
      if (is<Tracker::Refreshed>(outcome) || is<Tracker::Inserted>(outcome)) {
        told.ended[pid] = 0;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        told.accepted[pid] = nonce;
      }
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    told.steps = now;
  }
}

class KilledWork {
 public:
  KilledWork()
      : told_(static_cast<Told*>(::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  KilledWork(const KilledWork&) = delete;
  KilledWork& operator=(const KilledWork&) = delete;
  ~KilledWork() { ::munmap(told_, sizeof(Told)); }

  // Once it has done `steps`, the child is killed wherever it is.
  void run(const StateMemory& memory, std::uint64_t steps, std::uint64_t seed) const {
    *told_ = Told{};
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work(memory, *told_, seed);
    while (static_cast<volatile Told*>(told_)->steps < steps) ::sched_yield();
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  [[nodiscard]] const Told& told() const { return *told_; }

 private:
  Told* told_;
};

// At most one slot can be torn, since one is changed at a time; all others are as they were told.
TEST(TrackerTakesBack, WhatAKilledOneKnewAtAThousandInstants) {
  const KilledWork killed;
  std::minstd_rand random(4711);
  std::size_t torn = 0;
  for (int round = 0; round < 1000; ++round) {
    const StateMemory memory = new_memory();
    killed.run(memory, random() % 400, random());
    Tracker next = tracker_in(memory);
    const auto taken = next.take_back(kNow);
    ASSERT_LE(taken.torn, 1U);
    ASSERT_EQ(taken.refused, 0U);
    torn += taken.torn;
    std::size_t wrong = 0;
    std::vector<bool> known(Told::kPids);
    next.for_each_agent([&](const Tracker::Stalled& agent, std::uint64_t /*threshold_ns*/) {
      const std::uint32_t pid = agent.pid - 1;
      known[pid] = true;
      const bool is_told = agent.last_nonce == killed.told().accepted[pid] ||
                           agent.last_nonce == killed.told().tried[pid];
      // A beat that was being recorded may be the first of a pid whose dead slot was given away.
      const bool is_alive =
          killed.told().ended[pid] != 1 || agent.last_nonce != killed.told().accepted[pid];
      if (!is_told || !is_alive) ++wrong;
    });
    ASSERT_EQ(wrong, 0U) << "round " << round;
    std::size_t missing = 0;
    for (std::uint32_t pid = 0; pid < Told::kPids; ++pid) {
      const bool was_there = killed.told().accepted[pid] != 0 && killed.told().ended[pid] == 0;
      if (was_there && !known[pid]) ++missing;
      if (!known[pid]) continue;
      ASSERT_TRUE(is<Tracker::OutOfOrder>(
          next.record(beat(pid + 1, killed.told().accepted[pid]), kEndOfTime)));
    }
    if (killed.told().forgotten == 0) {
      ASSERT_LE(missing, taken.torn) << "round " << round;
    }
  }
  RecordProperty("torn", static_cast<int>(torn));
}

}  // namespace
}  // namespace hb
