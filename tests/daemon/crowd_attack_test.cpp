// One user with many processes, and agents of another user: limits of the tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "tests/daemon/crowd.hpp"
#include "tests/daemon/senders.hpp"
#include "tests/support/how_many.hpp"

namespace hb::test {
namespace {

vlp::Bytes junk() {
  vlp::Bytes frame = frame_of(own_pid());
  frame[0] ^= 1;
  return frame;
}

class Crowds : public EveryDelivery {
 protected:
  ObserverProcess observe_patiently(const Argv& more = {}) {
    return observe(Argv{"--threshold-ms", "600000"} + more);
  }
  ObserverProcess observe_exits(const Argv& more = {}) {
    return observe_patiently(Argv{"--beats", "none"} + more);
  }

  // All of them have sent, and live.
  void assemble(std::size_t processes) {
    auto gathered = Crowd::gather(socket_, processes, {kAttackerUid});
    ASSERT_TRUE(gathered) << gathered.error().message;
    crowd_ = std::make_unique<Crowd>(std::move(gathered).value());
    const auto sent = crowd_->send();
    ASSERT_TRUE(sent) << sent.error().message;
  }

  std::vector<Child> honest_agents(std::size_t count) {
    std::vector<Child> agents;
    for (std::size_t i = 0; i < count; ++i) agents.push_back(honest_agent(socket_));
    return agents;
  }

  std::unique_ptr<Crowd> crowd_;
};

// Once the kernel's map of senders was an LRU, and children of another user evicted the agents: of
// 20 exits none was reported, and none was counted as lost.
TEST_P(Crowds, DoNotEvictHonestSenders) {
  ObserverProcess observer = observe_exits();
  const std::vector<Child> agents = honest_agents(20);
  assemble(how_many_processes(20'000));
  EXPECT_EQ(untold_exits(observer, agents), 0U);
  last_words(observer);
}

// Once 5,000 live processes of one user took every slot of the tracker: no others could be tracked.
TEST_P(Crowds, LeaveSlotsOfTheTrackerToOthers) {
  ObserverProcess observer = observe_exits();
  assemble(how_many_processes(5'000));
  EXPECT_EQ(untold_exits(observer, honest_agents(20)), 0U);
  last_words(observer);
}

// A user has 1,024 entries in the table of senders. Whether there is one left is looked up and
// counted in two steps (5.10 has no atomic that fetches), so it may have one more for each further
// CPU. (With sanitizers there are fewer processes.)
TEST_P(Crowds, AreToldOf) {
  constexpr std::size_t kEntries = 1'024;
  ObserverProcess observer = observe_exits();
  const std::size_t processes = how_many_processes(kEntries + 76);
  assemble(processes);
  const std::size_t refused = processes > kEntries ? processes - kEntries : 0;
  const std::size_t more = std::min<std::size_t>(refused, std::thread::hardware_concurrency() - 1);
  if (refused > more) {
    EXPECT_GT(observer.expect_loss("no_slot")["count"], 0);
    observer.expect_logged("lost (no_slot)");
  }
  const std::uint64_t counted = last_words(observer)["stamps_dropped_total"]["no_slot"];
  EXPECT_LE(counted, refused);
  EXPECT_GE(counted + more, refused);
}

TEST_P(Crowds, OfOneUserGetAQuarterOfTheTracker) {
  ObserverProcess observer = observe_exits({"--tracker-capacity", "64"});
  assemble(100);
  EXPECT_EQ(untold_exits(observer, honest_agents(1)), 0U);
  EXPECT_EQ(last_words(observer)["beats_total"], 16 + 1);
}

TEST_P(Crowds, GetWhatTheyAreAllowed) {
  ObserverProcess observer = observe_exits({"--tracker-capacity", "64", "--agents-per-uid", "40"});
  assemble(100);
  EXPECT_EQ(untold_exits(observer, honest_agents(1)), 0U);
  EXPECT_EQ(last_words(observer)["beats_total"], 40 + 1);
}

TEST_P(Crowds, GetAllSlotsWithoutALimit) {
  ObserverProcess observer = observe_exits({"--tracker-capacity", "64", "--agents-per-uid", "0"});
  assemble(100);
  UnixAgent last(socket_);  // what it sends is the last to be read
  ASSERT_TRUE(last.send(junk()));
  const auto is_decode = [](const Json& event) { return event.value("event", "") == "decode"; };
  EXPECT_TRUE(tells(observer, is_decode));
  EXPECT_EQ(last_words(observer)["beats_total"], 64);
}

// Once the correlator's table had 65,536 groups whatever the ring's size: when an observer that had
// been stopped read a large ring, stamps of queued honest frames were evicted, and the frames were
// reported as no_stamp.
TEST_P(Crowds, DoNotTakeTheStampsOfQueuedFrames) {
  // On a slow machine not every beat could be read before the observer's last line.
  ObserverProcess observer =
      observe_patiently({"--ring-bytes", std::to_string(32 << 20), "--beats", "changes"});
  const std::size_t strangers = how_many_processes(100);
  pid_t honest = 0;
  while_asleep(observer, [&] {
    Child agent = Child::run([&] { send_as(kHonestUid, socket_, 1); });
    honest = agent.pid();
    agent.wait();
    for (std::size_t i = 0; i < strangers; ++i) {
      Child::run([&] { send_as(kAttackerUid, socket_, 1'000); }).wait();
    }
  });
  EXPECT_TRUE(tells_beat_of(observer, honest));
  const Json counters = last_words(observer);
  EXPECT_EQ(counters["auth_failures_total"]["no_stamp"], 0);
}

INSTANTIATE_TEST_SUITE_P(By, Crowds, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

}  // namespace
}  // namespace hb::test
