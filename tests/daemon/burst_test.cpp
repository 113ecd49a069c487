// Agents that all beat at once, as after a resume or at the full second: nothing may be lost where
// nothing is paired and the ring has room for all of them twice.
#include <gtest/gtest.h>

#include "tests/daemon/crowd.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/how_many.hpp"

namespace hb::test {
namespace {

// Agents of sixteen services, each a user of its own: one user's share of the ring is another
// matter.
std::vector<std::uint32_t> services() {
  std::vector<std::uint32_t> uids;
  for (std::uint32_t uid = 64'001; uids.size() < 16; ++uid) uids.push_back(uid);
  return uids;
}

// Released in the same instant. They send as soon as there are CPUs to do so: on two CPUs that is
// not within a millisecond.
TEST_F(RingDelivery, LosesNothingOfABurstOfAllAgents) {
  const std::size_t agents = how_many_processes(4096);
  ObserverProcess observer =
      observe({"--socket-mode", "0666", "--threshold-ms", "600000", "--beats", "none"});
  auto crowd = Crowd::gather(socket_, agents, services());
  ASSERT_TRUE(crowd) << crowd.error().message;
  const auto sent = crowd.value().send();
  ASSERT_TRUE(sent) << sent.error().message;
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], agents);
  for (const auto& [reason, count] : counters["stamps_dropped_total"].items()) {
    EXPECT_EQ(count, 0) << reason;
  }
  expect_balance(counters);
  EXPECT_TRUE(crowd.value().leave());
}

}  // namespace
}  // namespace hb::test
