#include "publish/shared_copy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "publish/shared_memory.hpp"

namespace hb::test {
namespace {

struct Value {
  std::uint64_t count;
  std::array<std::uint64_t, 255> copies;
};

Value value_of(std::uint64_t count) {
  Value value{.count = count, .copies = {}};
  value.copies.fill(count);
  return value;
}

TEST(SharedCopy, HasNothingBeforeItIsWritten) {
  const SharedMemory<SharedCopy<Value>> memory;
  Value value{};
  EXPECT_FALSE(memory->read(value));
}

TEST(SharedCopy, HasTheLastValue) {
  const SharedMemory<SharedCopy<Value>> memory;
  for (std::uint64_t i = 1; i <= 3; ++i) memory->write(value_of(i));
  Value value{};
  ASSERT_TRUE(memory->read(value));
  EXPECT_EQ(value.count, 3U);
  EXPECT_EQ(value.copies.back(), 3U);
}

TEST(SharedCopy, WritesNoMoreThanItIsTold) {
  const SharedMemory<SharedCopy<Value>> memory;
  memory->write(value_of(7), sizeof(std::uint64_t));
  Value value{};
  ASSERT_TRUE(memory->read(value));
  EXPECT_EQ(value.count, 7U);
  EXPECT_EQ(value.copies.front(), 0U);
}

// A value that is torn has words of two values.
TEST(SharedCopy, IsNeverTorn) {
  const SharedMemory<SharedCopy<Value>> memory;
  constexpr std::uint64_t kValues = 20'000;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kValues; ++i) memory->write(value_of(i));
  });
  Value value{};
  std::uint64_t last = 0;
  while (last < kValues) {
    if (!memory->read(value)) continue;
    for (const std::uint64_t copy : value.copies) ASSERT_EQ(copy, value.count);
    ASSERT_GE(value.count, last);
    last = value.count;
  }
  writer.join();
}

}  // namespace
}  // namespace hb::test
