// FloodBoard: memory that flooders and their owner share; initially zero.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hb::bench {

struct FloodBoard {
  static constexpr std::size_t kWorkers = 64;

  // Of one worker and its children.
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
