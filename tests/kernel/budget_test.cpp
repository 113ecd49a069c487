// Budgets of a uid. A limit per process can be evaded with fork(2): eight forking processes of one
// uid once had the agents of another reported as silent and killed.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

constexpr uid_t kFlooder = 65001;
constexpr uid_t kOther = 65002;

void become(uid_t uid) {
  if (::setresuid(uid, uid, uid) != 0) ::_exit(1);
}

class BudgetTest : public ::testing::Test {
 protected:
  explicit BudgetTest(const kernel::Config& config = {.senders = 1024, .agents_per_owner = 8})
      : socket_(config) {}

  // As a new process of that uid, which then ends.
  void send_as(uid_t uid, int times) {
    Child::run([&] {
      become(uid);
      for (int i = 0; i < times; ++i) send_frame(sender_.get(), own_frame());
    }).wait();
  }
  // By forks, each of which sends that many.
  void flood_as(uid_t uid, int processes, int times) {
    for (int i = 0; i < processes; ++i) send_as(uid, times);
  }
  // How many of that uid's are in the ring. Empties it.
  std::size_t stamps_of(uid_t uid) {
    std::size_t count = 0;
    for (const hb_stamp& stamp : socket_.stamps()) count += stamp.uid == uid ? 1 : 0;
    return count;
  }
  std::uint64_t drops(hb_drop reason) { return socket_.program().counters().drops[reason]; }

  AttestedSocket socket_;
  Fd sender_ = socket_.connected();
};

TEST_F(BudgetTest, IsNotSpentByAnHonestAgent) {
  send_as(kOther, 100);
  EXPECT_EQ(stamps_of(kOther), 100U);
  EXPECT_EQ(drops(HB_DROP_SHARE), 0U);
}

TEST_F(BudgetTest, BindsAllProcessesOfAUidTogether) {
  flood_as(kFlooder, 20, 1000);
  EXPECT_GT(drops(HB_DROP_SHARE), 0U);
  const std::uint64_t refused = drops(HB_DROP_SHARE);
  send_as(kFlooder, 1000);
  EXPECT_GT(drops(HB_DROP_SHARE), refused) << "a new process has no budget of its own";
}

TEST_F(BudgetTest, OfOneUidIsNotSpentByAnother) {
  flood_as(kFlooder, 20, 1000);
  ASSERT_GT(drops(HB_DROP_SHARE), 0U);
  socket_.stamps();
  const std::uint64_t refused = drops(HB_DROP_SHARE);
  send_as(kOther, 100);
  EXPECT_EQ(stamps_of(kOther), 100U);
  EXPECT_EQ(drops(HB_DROP_SHARE), refused);
}

TEST_F(BudgetTest, DoesNotApplyToRoot) {
  flood_as(0, 20, 1000);
  EXPECT_EQ(drops(HB_DROP_SHARE), 0U);
}

// A share of the ring that nobody reads, not all of it.
TEST_F(BudgetTest, LeavesRoomInARingThatNobodyReads) {
  flood_as(kFlooder, 40, 1000);
  EXPECT_EQ(drops(HB_DROP_RING_FULL), 0U);
  send_as(kOther, 10);
  EXPECT_EQ(stamps_of(kOther), 10U);
}

TEST_F(BudgetTest, OfEightUidsLeavesRoomInARingThatNobodyReads) {
  for (uid_t uid = kFlooder + 10; uid < kFlooder + 18; ++uid) flood_as(uid, 8, 1000);
  EXPECT_EQ(drops(HB_DROP_RING_FULL), 0U);
  send_as(kOther, 10);
  EXPECT_EQ(stamps_of(kOther), 10U);
}

TEST_F(BudgetTest, IsSharedByUidsBeyondTheTable) {
  flood_as(HB_UIDS + 1, 20, 1000);
  const std::uint64_t refused = drops(HB_DROP_SHARE);
  ASSERT_GT(refused, 0U);
  send_as(HB_UIDS + 2, 1000);
  EXPECT_GT(drops(HB_DROP_SHARE), refused);
}

// A process known for a second that sends at most 20 beats a second does not depend on its uid's
// budget.
TEST_F(BudgetTest, DoesNotApplyToAProcessThatIsKnownAndQuiet) {
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  Child known = Child::run([&] {
    become(kFlooder);
    send_frame(sender_.get(), own_frame());
    char token = 0;
    ::close(go[1]);
    while (::read(go[0], &token, 1) == 1) send_frame(sender_.get(), own_frame());
  });
  std::vector<hb_stamp> first;
  while (first.empty()) first = socket_.stamps();
  const std::uint64_t known_from_ns = first.front().ktime_ns + 1'000'000'000;
  while (now_ns() <= known_from_ns) ::usleep(10'000);
  flood_as(kFlooder, 20, 1000);
  ASSERT_GT(drops(HB_DROP_SHARE), 0U);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  ::close(go[1]);
  known.wait();
  const auto stamps = socket_.stamps();
  EXPECT_EQ(std::count_if(stamps.begin(), stamps.end(),
                          [&](const hb_stamp& stamp) {
                            return stamp.generation_ns == first.front().generation_ns;
                          }),
            1);
}

TEST_F(BudgetTest, LimitsTheEntriesOfAUid) {
  std::vector<Child> children;
  for (int i = 0; i < 80; ++i) {
    children.push_back(Child::run([&] {
      become(kFlooder);
      send_frame(sender_.get(), own_frame());
      ::pause();
    }));
  }
  while (socket_.program().counters().stamps + drops(HB_DROP_NO_SLOT) < 80) {
  }
  EXPECT_EQ(drops(HB_DROP_NO_SLOT), 80U - 1024 / 16);
  send_as(kOther, 1);
  EXPECT_EQ(stamps_of(kOther), 1U);
}

TEST_F(BudgetTest, GivesEntriesBackWhenProcessesEnd) {
  flood_as(kFlooder, 200, 1);
  EXPECT_EQ(drops(HB_DROP_NO_SLOT), 0U);
}

TEST(Budget, IsOffUnlessAskedFor) {
  AttestedSocket socket;
  const Fd sender = socket.connected();
  Child::run([&] {
    become(kFlooder);
    for (int i = 0; i < 8000; ++i) send_frame(sender.get(), own_frame());
  }).wait();
  EXPECT_EQ(socket.program().counters().drops[HB_DROP_SHARE], 0U);
}

}  // namespace
}  // namespace hb::test
