// Waits for a condition that another process causes.
#pragma once

#include <chrono>
#include <thread>

#include "tests/support/process.hpp"

namespace hb::test {

// Whether it becomes true within the patience.
template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace hb::test
