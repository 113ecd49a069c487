// Patterns, and whether two of them have a text in common.
#include "recovery/glob.hpp"

#include <gtest/gtest.h>

namespace hb::test {
namespace {

bool matches(const char* pattern, const char* text) { return Glob(pattern).matches(text); }

TEST(Globs, MatchAsAShellsDo) {
  EXPECT_TRUE(matches("a.service", "a.service"));
  EXPECT_FALSE(matches("a.service", "a.services"));
  EXPECT_TRUE(matches("postgresql@*.service", "postgresql@15-main.service"));
  EXPECT_FALSE(matches("postgresql@*.service", "postgresql.service"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?c", "ac"));
  EXPECT_TRUE(matches("/system.slice/*/x", "/system.slice/a/b/x"));
  EXPECT_TRUE(matches("*a*b*", "xaayb"));
  EXPECT_FALSE(matches("*a*b*", "xbaa"));
}

TEST(Globs, TakeNoLongerForManyStars) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  EXPECT_FALSE(Glob(pattern + "b").matches(std::string(10'000, 'a')));
}

TEST(Globs, OverlapIfThereIsATextForBoth) {
  const auto overlap = [](const char* a, const char* b) {
    EXPECT_EQ(Glob(a).overlaps(Glob(b)), Glob(b).overlaps(Glob(a))) << a << " " << b;
    return Glob(a).overlaps(Glob(b));
  };
  EXPECT_TRUE(overlap("a*", "*b"));
  EXPECT_TRUE(overlap("a*c", "a?c"));
  EXPECT_TRUE(overlap("*", ""));
  EXPECT_TRUE(overlap("a*b*c", "a*c"));
  EXPECT_FALSE(overlap("a*", "b*"));
  EXPECT_FALSE(overlap("*.service", "*.scope"));
  EXPECT_FALSE(overlap("a?", "a"));
  EXPECT_FALSE(overlap("web-*.service", "db-*.service"));
}

// Against all texts of three letters.
TEST(Globs, OverlapExactlyIfSomeTextMatchesBoth) {
  const std::string letters = "ab*?";
  std::vector<std::string> patterns{""};
  for (std::size_t i = 0; i < patterns.size() && patterns[i].size() < 3; ++i) {
    for (const char c : letters) patterns.push_back(patterns[i] + c);
  }
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size() && texts[i].size() < 5; ++i) {
    for (const char c : {'a', 'b'}) texts.push_back(texts[i] + c);
  }
  for (const auto& a : patterns) {
    for (const auto& b : patterns) {
      bool has_one = false;
      for (const auto& text : texts) {
        has_one = has_one || (Glob(a).matches(text) && Glob(b).matches(text));
      }
      ASSERT_EQ(Glob(a).overlaps(Glob(b)), has_one) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace hb::test
