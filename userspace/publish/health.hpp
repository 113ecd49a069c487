// Health: whether the observer works, judged from outside of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "publish/board.hpp"

namespace hb {

struct HealthLimits {
  std::uint64_t turn_ns = 0;       // the loop must have turned within this
  std::uint64_t self_beat_ns = 0;  // the observer's own frame must have come back within this
};

struct Health {
  bool is_healthy = false;           // the loop turns
  bool is_ready = false;             // and agents can reach it
  std::vector<std::string> reasons;  // why not
  std::optional<std::uint64_t> loop_age_ns;
  std::optional<std::uint64_t> self_beat_age_ns;
};

[[nodiscard]] Health judge_health(const Board& board, const HealthLimits& limits,
                                  std::uint64_t now_ns);

}  // namespace hb
