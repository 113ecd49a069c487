// Messages of the notify protocol: what each line means, and that no text means anything else.
#include "notify/message.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace hb::notify {
namespace {

Message whole(std::string_view text) { return parse(text, false); }

std::size_t lines(const Message& message) {
  return std::accumulate(message.lines.begin(), message.lines.end(), std::size_t{0});
}

TEST(NotifyMessage, EveryLineCounts) {
  const Message message = whole(
      "READY=1\nSTATUS=serving 3 clients\nWATCHDOG_USEC=20000000\nWATCHDOG=1\nERRNO=2\n"
      "MAINPID=4711\nRELOADING=1\nSTOPPING=1\nEXTEND_TIMEOUT_USEC=5000000\nX_OWN=1");
  EXPECT_TRUE(message.ready);
  EXPECT_TRUE(message.watchdog);
  EXPECT_FALSE(message.trigger);
  EXPECT_TRUE(message.reloading);
  EXPECT_TRUE(message.stopping);
  EXPECT_EQ(message.status, "serving 3 clients");
  EXPECT_EQ(message.watchdog_ns, 20 * kNsPerSecond);
  EXPECT_EQ(message.extend_ns, 5 * kNsPerSecond);
  EXPECT_EQ(message.error_number, 2U);
  EXPECT_EQ(message.count(Assignment::Other), 2U);
  EXPECT_EQ(message.count(Assignment::Malformed), 0U);
  EXPECT_EQ(lines(message), 10U);
}

TEST(NotifyMessage, WatchdogTriggerIsNoBeat) {
  const Message message = whole("WATCHDOG=trigger");
  EXPECT_TRUE(message.trigger);
  EXPECT_FALSE(message.watchdog);
}

TEST(NotifyMessage, OfSeveralTheFirstCounts) {
  const Message message =
      whole("WATCHDOG_USEC=1\nWATCHDOG_USEC=2\nERRNO=3\nERRNO=4\nSTATUS=a\nSTATUS=b");
  EXPECT_EQ(message.watchdog_ns, kNsPerUs);
  EXPECT_EQ(message.error_number, 3U);
  EXPECT_EQ(message.status, "a");
}

class NotifyMalformed : public testing::TestWithParam<const char*> {};

TEST_P(NotifyMalformed, MeansNothing) {
  const Message message = whole(GetParam());
  EXPECT_EQ(message.count(Assignment::Malformed), 1U);
  EXPECT_EQ(lines(message), 1U);
  EXPECT_FALSE(message.watchdog || message.trigger || message.ready || message.stopping ||
               message.reloading);
  EXPECT_FALSE(message.watchdog_ns || message.extend_ns || message.error_number);
}

INSTANTIATE_TEST_SUITE_P(Lines, NotifyMalformed,
                         testing::Values("WATCHDOG", "=1", "WATCHDOG=", "WATCHDOG=0", "WATCHDOG=11",
                                         "WATCHDOG= 1", "WATCHDOG=Trigger", "READY=0", "READY=yes",
                                         "STOPPING=2", "RELOADING=", "WATCHDOG_USEC=",
                                         "WATCHDOG_USEC=-1", "WATCHDOG_USEC=+1", "WATCHDOG_USEC=1s",
                                         "WATCHDOG_USEC=99999999999999999999",
                                         "WATCHDOG_USEC=31536000000001", "EXTEND_TIMEOUT_USEC=0x10",
                                         "ERRNO=4096", "ERRNO=EIO", "ERRNO="));

TEST(NotifyMessage, NamesAreExact) {
  const Message message = whole("watchdog=1\nWATCHDOG2=1\nXREADY=1\n READY=1");
  EXPECT_EQ(message.count(Assignment::Other), 4U);
  EXPECT_FALSE(message.watchdog || message.ready);
}

TEST(NotifyMessage, OneNulMayEndIt) {
  using std::string_view_literals::operator""sv;
  EXPECT_TRUE(whole("WATCHDOG=1\0"sv).watchdog);
  EXPECT_FALSE(whole("WATCHDOG=1\0\0"sv).watchdog);
  const Message message = whole("WATCHDOG=1\nSTATUS=a\0b"sv);
  EXPECT_FALSE(message.watchdog);
  EXPECT_EQ(message.count(Assignment::Malformed), 1U);
}

TEST(NotifyMessage, EmptyLinesAreNone) {
  EXPECT_EQ(lines(whole("")), 0U);
  EXPECT_EQ(lines(whole("\n\n\n")), 0U);
  EXPECT_EQ(lines(whole("\nWATCHDOG=1\n\n")), 1U);
}

// A prefix of "WATCHDOG_USEC=20000000" is a shorter time.
TEST(NotifyMessage, TheLastLineOfACutOneIsDropped) {
  const Message message = parse("WATCHDOG=1\nWATCHDOG_USEC=2", true);
  EXPECT_TRUE(message.watchdog);
  EXPECT_FALSE(message.watchdog_ns);
  EXPECT_EQ(message.count(Assignment::Cut), 1U);
  EXPECT_FALSE(parse("WATCHDOG=1", true).watchdog);
  const Message at_newline = parse("WATCHDOG=1\n", true);
  EXPECT_TRUE(at_newline.watchdog);
}

TEST(NotifyMessage, EveryPrefixMeansNoMoreThanTheWhole) {
  const std::string text = "STATUS=x\nWATCHDOG_USEC=3000000\nREADY=1\nWATCHDOG=1\n";
  for (std::size_t length = 0; length < text.size(); ++length) {
    const Message message = parse(std::string_view(text).substr(0, length), true);
    EXPECT_FALSE(message.watchdog) << length;
    if (message.watchdog_ns) {
      EXPECT_EQ(*message.watchdog_ns, 3 * kNsPerSecond) << length;
    }
    if (!message.status.empty()) {
      EXPECT_EQ(message.status, "x") << length;
    }
  }
}

TEST(NotifyMessage, TenThousandKeys) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "A=\n";
  text += "WATCHDOG=1";
  const Message message = whole(text);
  EXPECT_TRUE(message.watchdog);
  EXPECT_EQ(message.count(Assignment::Other), 10'000U);
}

}  // namespace
}  // namespace hb::notify
