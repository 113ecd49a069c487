// Where a loss is told, and that a stream without room hears of it later: a burst of exits filled
// the stream with stalls, and the notice that exits were lost was lost there as well, for a minute.
#include "daemon/loss_member.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "report/append_file.hpp"
#include "report/line_writer.hpp"

namespace hb::daemon {
namespace {

constexpr Metric kExitsLost{
    .name = "exits_lost_total", .unit = "exits", .help = "not told", .loss = "exits_lost"};
constexpr Metric kFull{
    .name = "full_total", .unit = "beats", .help = "no room", .loss = "tracker_full"};

class Losses : public ::testing::Test {
 protected:
  void look() { member_.tick(now_ns_ += kNsPerSecond); }
  void look_a_minute_later() { member_.tick(now_ns_ += 61 * kNsPerSecond); }

  std::string stream() { return std::exchange(stream_, {}); }
  std::string file() { return std::exchange(file_, {}); }

  static std::string words(const Loss& loss) {
    return std::string(loss.reason) + " " + std::to_string(loss.count) + " of " +
           std::to_string(loss.total) + "; ";
  }

  Totals totals_{{&kExitsLost, nullptr, 0}, {&kFull, nullptr, 0}};
  std::uint64_t& exits_lost_ = totals_[0].value;
  std::uint64_t& full_ = totals_[1].value;
  bool has_room_ = true;
  std::uint64_t now_ns_ = kNsPerSecond;

  std::string stream_;
  std::string file_;
  LossMember member_{now_ns_, [this](Totals& totals) { totals = totals_; },
                     [this](const Loss& loss) {
                       if (has_room_) stream_ += words(loss);
                       return has_room_;
                     },
                     [this](const Loss& loss) { file_ += words(loss); }};
};

TEST_F(Losses, AreToldInTheStreamAndInTheFile) {
  exits_lost_ = 3;
  look();
  EXPECT_EQ(stream(), "exits_lost 3 of 3; ");
  EXPECT_EQ(file(), "exits_lost 3 of 3; ");
  look();
  EXPECT_EQ(stream(), "") << "once";
}

TEST_F(Losses, ThatTheStreamHasNoRoomForAreToldAgain) {
  has_room_ = false;
  exits_lost_ = 3;
  look();
  full_ = 2;
  look();
  EXPECT_EQ(file(), "exits_lost 3 of 3; tracker_full 2 of 2; ") << "which does not wait";
  has_room_ = true;
  look();
  EXPECT_EQ(stream(), "exits_lost 3 of 3; tracker_full 2 of 2; ");
  look();
  EXPECT_EQ(stream(), "") << "once";
  EXPECT_EQ(file(), "");
}

TEST_F(Losses, ThatTheStreamHasNoRoomForAreAddedUp) {
  has_room_ = false;
  exits_lost_ = 3;
  look();
  exits_lost_ = 10;
  look_a_minute_later();
  EXPECT_EQ(file(), "exits_lost 3 of 3; exits_lost 7 of 10; ");
  has_room_ = true;
  look();
  EXPECT_EQ(stream(), "exits_lost 10 of 10; ");
}

TEST_F(Losses, AreToldAtTheEndAtTheLatest) {
  has_room_ = false;
  exits_lost_ = 3;
  look();
  has_room_ = true;
  member_.finish(now_ns_);
  EXPECT_EQ(stream(), "exits_lost 3 of 3; ");
}

class Gaps : public Losses {
 protected:
  // Told by each writer itself, in place of the missing lines.
  void lose_a_line_of(const Metric& metric) {
    totals_[0] = {&metric, nullptr, 1};
    look();
  }
};

TEST_F(Gaps, OfTheStreamAreNotToldThere) {
  lose_a_line_of(LineWriter::kEventsLost);
  EXPECT_EQ(stream(), "");
  EXPECT_EQ(file(), "stdout 1 of 1; ");
}

TEST_F(Gaps, OfTheFileAreNotToldThere) {
  lose_a_line_of(AppendFile::kLost);
  EXPECT_EQ(file(), "");
  EXPECT_EQ(stream(), std::string(AppendFile::kLost.loss) + " 1 of 1; ");
}

}  // namespace
}  // namespace hb::daemon
