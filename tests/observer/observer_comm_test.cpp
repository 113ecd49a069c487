// The names of processes in events: read from the kernel's table only where somebody asks for them.
#include "tests/observer/fake_attempt_watch.hpp"
#include "tests/observer/fake_exit_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverCommTest : public ObserverTest {
 protected:
  static constexpr std::uint32_t kSlot = 3;

  ObserverCommTest() {
    observer_.watch(attempts_);
    attempts_.call(kSlot, 1, "postgres");
  }

  Beat hears(std::uint64_t nonce, vlp::Status status = vlp::Status::Ok) {
    Identity sender = process(7);
    sender.slot = kSlot;
    a_.deliver(arrival({.status = status, .pid = 7, .nonce = nonce}, sender));
    const auto beat = poll_for<Beat>();
    poll_all();
    return beat;
  }

  FakeAttemptWatch attempts_;
  FakeExitWatch exits_;
};

TEST_F(ObserverCommTest, IsInTheFirstBeatOfAProcess) {
  EXPECT_EQ(hears(1).comm.view(), "postgres");
  EXPECT_FALSE(hears(2).comm.is_known());
  EXPECT_EQ(attempts_.names_read(), 1U) << "none for a beat that says nothing new";
}

TEST_F(ObserverCommTest, IsInABeatThatChangesSomething) {
  hears(1);
  attempts_.call(kSlot, 1, "another");
  EXPECT_EQ(hears(2, vlp::Status::Degraded).comm.view(), "another");
}

TEST_F(ObserverCommTest, IsInASilence) {
  hears(1);
  attempts_.call(kSlot, 1, "another");
  advance(kThreshold);
  const auto stall = poll_for<Stall>();
  EXPECT_EQ(stall.comm.view(), "another");
  EXPECT_EQ(stall.kernel_slot, kSlot);
}

TEST_F(ObserverCommTest, IsInAnExitAsItsRecordHasIt) {
  observer_.watch(exits_);
  hears(1);
  exits_.end({.pid = 7, .generation_ns = 1, .at_ns = now(), .status = {}, .comm = Comm("last")});
  advance(1);
  EXPECT_EQ(poll_for<Stall>().comm.view(), "last");
}

TEST_F(ObserverCommTest, IsInTheExitThatAnotherProcessOfThePidShows) {
  observer_.watch(exits_);
  hears(1);
  exits_.end(
      {.pid = 7, .generation_ns = 1, .at_ns = ~0ULL - 1, .status = {}, .comm = Comm("last")});
  a_.deliver(arrival({.pid = 7, .nonce = 1}, process(7, 2)));
  EXPECT_EQ(poll_for<Stall>().comm.view(), "last");
}

TEST_F(ObserverCommTest, IsInThatExitFromTheTableWhereExitsAreNotTraced) {
  hears(1);
  a_.deliver(arrival({.pid = 7, .nonce = 1}, process(7, 2)));
  EXPECT_EQ(poll_for<Stall>().comm.view(), "postgres");
}

TEST_F(ObserverCommTest, IsNotAnotherProcesss) {
  attempts_.call(kSlot, 2, "heir");
  EXPECT_FALSE(hears(1).comm.is_known());
}

TEST_F(ObserverCommTest, IsOfAllAgentsWhereTheyAreListed) {
  hears(1);
  ASSERT_EQ(observer_.known_agents().size(), 1U);
  EXPECT_EQ(observer_.known_agents()[0].comm.view(), "postgres");
}

// The network attests nobody.
TEST_F(ObserverCommTest, IsNotKnownOfAProcessThatIsNotAttested) {
  a_.deliver(arrival({.pid = 9, .nonce = 1}, ClaimOnly{}, BeatOrigin::NetworkUnverified));
  EXPECT_FALSE(poll_for<Beat>().comm.is_known());
}

TEST(Comm, EndsAtItsFirstNul) {
  EXPECT_EQ(Comm(std::string_view("ab\0cd", 5)).view(), "ab");
  EXPECT_EQ(Comm("1234567890123456789").view(), "123456789012345");
  EXPECT_FALSE(Comm("").is_known());
  Comm full;
  full.bytes.fill('x');
  EXPECT_EQ(full.view().size(), Comm::kBytes);
}

}  // namespace
}  // namespace hb
