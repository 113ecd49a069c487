// What a line of the configuration file says: comments, quotes, and what is no setting.
#include <gtest/gtest.h>

#include "cli/config_file.hpp"

namespace hb::cli {
namespace {

// The value of the only line, or "!" and what is wrong with it.
std::string value_of(const std::string& text) {
  const auto lines = parse_config("c", "key=" + text + "\n");
  if (!lines) return "!" + lines.error().message;
  return lines.value().size() == 1 ? lines.value()[0].value : "!no line, or several";
}

std::string error_of(const std::string& text) {
  const auto lines = parse_config("c", text);
  return lines ? "" : lines.error().message;
}

// "export-file=./beats.tsv   # every event" once made a file of the name "beats.tsv   # every
// event".
TEST(ConfigText, HasCommentsBehindValues) {
  EXPECT_EQ(value_of("./beats.tsv   # every event"), "./beats.tsv");
  EXPECT_EQ(value_of("500\t#half a second"), "500");
  EXPECT_EQ(value_of(" # nothing"), "");
}

TEST(ConfigText, KeepsAHashWithinAWord) {
  EXPECT_EQ(value_of("/tmp/a b#c"), "/tmp/a b#c");
  EXPECT_EQ(value_of("#c"), "#c");
}

TEST(ConfigText, TakesQuotesOffAWholeValue) {
  EXPECT_EQ(value_of("\"./beats.tsv\""), "./beats.tsv");
  EXPECT_EQ(value_of(" 'a # b'  # c"), "a # b");
  EXPECT_EQ(value_of("\"\""), "");
  EXPECT_EQ(value_of("\" a \""), " a ");
}

TEST(ConfigText, EscapesWithinDoubleQuotes) {
  EXPECT_EQ(value_of(R"("sh -c \"a # b\"")"), R"(sh -c "a # b")");
  EXPECT_EQ(value_of(R"("a\\")"), R"(a\)");
  EXPECT_EQ(value_of(R"("a\d")"), R"(a\d)");
  EXPECT_EQ(value_of(R"('a\')"), R"(a\)");
}

// Those of a command are split later.
TEST(ConfigText, LeavesQuotesOfSingleWords) {
  EXPECT_EQ(value_of(R"("/opt/my agent/restart" '{pid}' # now)"),
            R"("/opt/my agent/restart" '{pid}')");
  EXPECT_EQ(value_of(R"(sh -c "echo # no comment")"), R"(sh -c "echo # no comment")");
  EXPECT_EQ(value_of(R"(NAME="a # b")"), R"(NAME="a # b")");
}

TEST(ConfigText, TakesAnApostropheWithinAWordAsItIs) {
  EXPECT_EQ(value_of("TEXT=it's # fine"), "TEXT=it's");
  EXPECT_EQ(value_of("5\" disk"), "5\" disk");
}

TEST(ConfigText, RefusesUnclosedQuotes) {
  EXPECT_EQ(error_of("a=1\nb=\"x # y\n"), "c:2: b: a closing quote is missing");
  EXPECT_EQ(error_of("b='x\n"), "c:1: b: a closing quote is missing");
  EXPECT_EQ(error_of("b=\"x\\\"\n"), "c:1: b: a closing quote is missing");
  EXPECT_EQ(error_of("b='\n"), "c:1: b: a closing quote is missing");
}

TEST(ConfigText, HasNoCommentWithinAKey) {
  EXPECT_NE(error_of("strict # on = true\n").find("is not key=value"), std::string::npos);
}

TEST(ConfigText, MayBeginWithAByteOrderMark) {
  const auto lines = parse_config("c", "\xEF\xBB\xBF# settings\nkey=1\n");
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines.value().size(), 1U);
  EXPECT_EQ(lines.value()[0].number, 2U);
  EXPECT_EQ(error_of("\xEF\xBB\xBFkey=1\n"), "");
  EXPECT_NE(error_of("key=1\n\xEF\xBB\xBF\n"), "") << "it is a mark at the beginning only";
}

TEST(ConfigText, HasLinesOfAtMost64KiB) {
  const std::string longest(kMaxConfigLine_bytes - 4, 'x');
  EXPECT_EQ(value_of(longest), longest);
  EXPECT_EQ(error_of("a=1\nkey=" + longest + "x\n"), "c:2: the line is longer than 64 KiB");
  EXPECT_EQ(error_of("#" + std::string(kMaxConfigLine_bytes, 'x')),
            "c:1: the line is longer than 64 KiB");
}

// 40,000 of them took more than a minute, also of a running observer's on SIGHUP.
TEST(ConfigText, HasAtMost1024Settings) {
  std::string text;
  for (std::size_t i = 0; i < kMaxConfigSettings; ++i) text += "env=A\n";
  EXPECT_EQ(error_of(text + "# no setting\n"), "");
  EXPECT_EQ(error_of(text + "env=A\n"), "c:1025: more than 1024 settings");
}

TEST(ConfigText, ShowsTheBeginningOfALongLine) {
  const std::string said = error_of(std::string(1000, 'x'));
  EXPECT_NE(said.find("'" + std::string(64, 'x') + "...'"), std::string::npos) << said;
}

}  // namespace
}  // namespace hb::cli
