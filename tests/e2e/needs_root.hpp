// For tests that nobody but root can make: skipped aloud without, and a failure in CI.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace hb::test {

inline bool is_root() { return ::geteuid() == 0; }
inline bool may_skip() { return std::getenv("CI") == nullptr; }

}  // namespace hb::test

#define HB_NEEDS_ROOT()                                \
  if (!hb::test::is_root()) {                          \
    ASSERT_TRUE(hb::test::may_skip()) << "needs root"; \
    GTEST_SKIP() << "needs root";                      \
  }                                                    \
  static_assert(true, "a semicolon follows")
