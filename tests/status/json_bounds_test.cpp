#include "status/json_bounds.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hb::test {
namespace {

using status::is_within;

TEST(JsonBounds, AreOfArraysAndObjectsInEachOther) {
  EXPECT_TRUE(is_within("[[]]", {2, 9}));
  EXPECT_TRUE(is_within(R"([{},{},[]])", {2, 9}));
  EXPECT_FALSE(is_within("[[[]]]", {2, 9}));
  EXPECT_FALSE(is_within(R"([{"a":[]}])", {2, 9}));
  EXPECT_FALSE(is_within("[[[", {2, 9}));
  EXPECT_FALSE(is_within("]]]]]][[[", {2, 9}));
}

TEST(JsonBounds, AreOfTheFieldsOfEachObject) {
  EXPECT_TRUE(is_within(R"({"a":{"x":1,"y":2},"b":{"x":1,"y":2}})", {9, 2}));
  EXPECT_FALSE(is_within(R"({"a":{"x":1,"y":2,"z":3}})", {9, 2}));
  EXPECT_FALSE(is_within(R"({"a":{},"b":[{}],"c":0})", {9, 2}));
}

TEST(JsonBounds, DoNotLookIntoStrings) {
  EXPECT_TRUE(is_within(R"(["[[[[", "::::{{", "\"[[[", "\\", "]"])", {1, 1}));
  EXPECT_FALSE(is_within(R"(["\\",[]])", {1, 1}));
  for (const char* cut : {"", "\"", "\"\\", "\"[\\\""}) EXPECT_TRUE(is_within(cut, {0, 0})) << cut;
}

// Whatever is asked for.
TEST(JsonBounds, HaveADepthThatIsNeverExceeded) {
  const std::string deep(status::kDeepestBound, '[');
  EXPECT_TRUE(is_within(deep, {1'000'000, 1}));
  EXPECT_FALSE(is_within(deep + "[", {1'000'000, 1}));
}

}  // namespace
}  // namespace hb::test
