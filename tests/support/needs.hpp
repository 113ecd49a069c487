// For tests that need what not every machine has: skipped with a message, but a failure in CI.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace hb::test {

inline bool may_skip() { return std::getenv("CI") == nullptr; }

}  // namespace hb::test

#define HB_NEEDS(condition, what)                          \
  if (!(condition)) {                                      \
    ASSERT_TRUE(hb::test::may_skip()) << "needs " << what; \
    GTEST_SKIP() << "needs " << what;                      \
  }                                                        \
  static_assert(true, "a semicolon follows")

#define HB_NEEDS_ROOT() HB_NEEDS(::geteuid() == 0, "root")
