// The cost of a stamp does not depend on how many wait, nor on their senders.
#include <gtest/gtest.h>

#include <algorithm>

#include "identity/stamp_table.hpp"
#include "tests/identity/count_instructions.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kStamps =
    32;  // a call's chain is short or long by chance: so many even out

class Backlog {
 public:
  Backlog(std::size_t waiting, std::size_t capacity, std::uint32_t senders)
      : table_(capacity, senders, {1, 2}), senders_(senders) {
    for (std::size_t i = 0; i < waiting; i++) add();
  }

  std::uint32_t add() {
    Identity sender;
    sender.slot = static_cast<std::uint32_t>(number_ % senders_);
    sender.generation_ns = sender.tgid = sender.slot + 1;
    number_++;
    return table_.add(StampKey{number_}, sender, number_);
  }

  std::uint64_t add_and_take() {
    return count_instructions([&] {
      for (std::uint64_t i = 0; i < kStamps; i++) {
        add();
        if (table_.take(StampKey{number_}) == nullptr) ::_exit(2);
      }
    });
  }

  std::uint64_t evict() {
    return count_instructions([&] {
      for (std::uint64_t i = 0; i < kStamps; i++) {
        if (add() == 0) ::_exit(2);
      }
    });
  }

 private:
  StampTable table_;
  const std::uint32_t senders_;
  std::uint64_t number_ = 0;
};

// A bucket's chain is longer or shorter by chance. What grew with the backlog would grow a
// thousandfold.
void expect_much_alike(std::initializer_list<std::uint64_t> instructions) {
  const auto [least, most] = std::minmax(instructions);
  EXPECT_GT(least, 0U) << "a child could not be traced";
  EXPECT_LT(most, 3 * least);
}

TEST(StampCostTest, PairingDoesNotDependOnTheBacklog) {
  expect_much_alike(
      {Backlog(60, 64, 100).add_and_take(), Backlog(65'000, 65'536, 100).add_and_take()});
}

TEST(StampCostTest, EvictingDependsNeitherOnTheBacklogNorOnItsSenders) {
  expect_much_alike({Backlog(64, 64, 1).evict(), Backlog(65'536, 65'536, 1).evict(),
                     Backlog(65'536, 65'536, 16'384).evict()});
}

}  // namespace
}  // namespace hb
