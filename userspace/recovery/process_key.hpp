// ProcessKey: what names a process. A pid alone does not.
#pragma once

#include <cstdint>

#include "observer/event.hpp"

namespace hb {

struct ProcessKey {
  std::uint32_t pid = 0;            // in the observer's PID namespace
  std::uint64_t generation_ns = 0;  // 0 where the transport tells none: then the pid must do

  friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

[[nodiscard]] inline ProcessKey process_of(const Stall& stall) {
  return {stall.pid, stall.generation_ns};
}

}  // namespace hb
