// How many processes a test makes: a thousand, or fewer on slow emulated machines
// (HB_TEST_PROCESSES).
#pragma once

#include <cstddef>
#include <cstdlib>

namespace hb::test {

inline std::size_t how_many_processes(std::size_t wanted) {
  const char* most = std::getenv("HB_TEST_PROCESSES");
  if (most == nullptr) return wanted;
  const std::size_t allowed = std::strtoull(most, nullptr, 10);
  return allowed < wanted ? allowed : wanted;
}

}  // namespace hb::test
