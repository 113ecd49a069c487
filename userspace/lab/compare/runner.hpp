// Runs scenarios repeatedly, and counts wrong verdicts.
//
// Borrows the columns. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/compare/comparison.hpp"
#include "lab/compare/scenario.hpp"

namespace hb::compare {

struct Plan {
  std::vector<const Scenario*> scenarios;
  std::uint64_t repeats = 1;
  std::string directory;  // for files
  int stop_fd = -1;       // readable: stop, tidy up and return

  // Called before each attempt, to show progress.
  std::function<void(const Scenario& scenario, std::size_t index, std::uint64_t repeat)> progress;
};

// The Error says that it was interrupted, with EINTR. A scenario that cannot be run here becomes a
// row that says so.
[[nodiscard]] Result<Comparison> run(const Plan& plan, Columns& columns);

}  // namespace hb::compare
