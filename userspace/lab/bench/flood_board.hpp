// FloodBoard: what flooders and their owner see of each other. In memory that they share;
// everything is zero at first.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hb::bench {

struct FloodBoard {
  static constexpr std::size_t kWorkers = 64;

  // Of one worker and of the children that it makes.
  struct alignas(64) Count {
    std::atomic<std::uint64_t> processes;
    std::atomic<std::uint64_t> tried;
    std::atomic<std::uint64_t> taken;
    std::atomic<std::uint64_t> full;
    std::atomic<std::uint64_t> failed;
  };

  std::atomic<int> stop;
  std::array<Count, kWorkers> counts;
};

}  // namespace hb::bench
