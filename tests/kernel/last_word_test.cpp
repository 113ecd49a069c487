// The last word of a process that had kept to its rate was dropped if its burst was just used up.
// It passes now, once; and nobody gets a higher rate by calling every beat his last.
#include <gtest/gtest.h>

#include <string>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

// Of one beat a second, two may come at once.
constexpr std::uint64_t kInterval_ns = 1'000'000'000;

bool is_last_word(const hb_stamp& stamp) { return stamp.frame[HB_FRAME_NONCE_OFFSET] == 0xff; }

Frame frame_for(char kind) {
  Frame frame = kind == 'b' ? own_frame() : own_last_word();
  if (kind == 'o') frame[HB_FRAME_STATUS_OFFSET] = 0;
  if (kind == 'f') frame = last_word_of(1);
  if (kind == 'm') frame[0] = 'x';
  return frame;
}

// Sends beats (b), last words (L), and what only looks like one: with status ok (o), another pid
// (f), or no magic (m).
class LastWordTest : public ::testing::Test {
 protected:
  // Which of these are stamped, as "b" and "L", sent by a new process within one interval. If it
  // took longer, since the machine is busy, another process tries.
  std::string stamped(const std::string& frames) {
    for (int tries = 0; tries < 50; ++tries) {
      Child sender = Child::run([&] {
        const std::uint64_t began_ns = now_ns();
        for (const char kind : frames) send_frame(sender_.get(), frame_for(kind));
        ::_exit(now_ns() - began_ns < kInterval_ns ? 0 : 1);
      });
      const bool is_in_time = sender.wait() == 0;
      std::string kinds;
      for (const hb_stamp& stamp : socket_.stamps()) kinds += is_last_word(stamp) ? 'L' : 'b';
      if (is_in_time) return kinds;
    }
    return "the machine is too slow";
  }

  AttestedSocket socket_{{.max_beat_rate = 1}};
  Fd sender_ = socket_.connected();
};

TEST_F(LastWordTest, PassesAboveTheRateOfAProcessThatKeptToIt) {
  EXPECT_EQ(stamped("bbL"), "bbL");
  EXPECT_EQ(stamped("bbb"), "bb") << "as any other beat does not";
}

TEST_F(LastWordTest, PassesOnce) {
  EXPECT_EQ(stamped("bbLL"), "bbL");
  EXPECT_EQ(stamped("bbLLLLLLLL"), "bbL");
  EXPECT_EQ(stamped("LLLLLLLL"), "LLL");
}

TEST_F(LastWordTest, DoesNotPassOfAProcessThatWasAboveItsRate) {
  EXPECT_EQ(stamped("bbbL"), "bb");
  EXPECT_EQ(stamped("bbLbL"), "bbL");
}

TEST_F(LastWordTest, IsNothingThatOnlyLooksLikeOne) {
  EXPECT_EQ(stamped("bbo"), "bb") << "the terminal nonce, but not critical";
  EXPECT_EQ(stamped("bbf"), "bb") << "another process's";
  EXPECT_EQ(stamped("bbm"), "bb") << "no frame";
}

// Each one that passes is paid for later.
TEST(LastWords, AloneGetNoMoreThanTheRateInTheLongRun) {
  constexpr std::uint64_t kRate = 100;
  AttestedSocket socket({.max_beat_rate = kRate});
  const Fd sender = socket.connected();
  const std::uint64_t began_ns = now_ns();
  while (now_ns() - began_ns < 700'000'000) send_frame(sender.get(), own_last_word());
  const auto seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  const auto sent = static_cast<double>(socket.program().counters().stamps);
  EXPECT_LE(sent, kRate * (1 + seconds) + 3);
  EXPECT_GE(sent, kRate);
  EXPECT_GT(socket.program().counters().drops[HB_DROP_RATE_LIMITED], 0U);
}

}  // namespace
}  // namespace hb::test
