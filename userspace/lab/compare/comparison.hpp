// Comparison: the results, scenario by scenario. Pure data; filled by runner.hpp, written by
// report_*.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lab/compare/conclusion.hpp"
#include "lab/compare/scenario.hpp"

namespace hb::compare {

struct Cell {
  Conclusion conclusion = Conclusion::Unavailable;  // a wrong one if any repeat was wrong
  std::uint64_t wrong = 0;                          // number of wrong repeats
};

struct Row {
  const Scenario* scenario = nullptr;
  std::uint64_t repeats = 0;  // that were run; 0: the scenario is not available
  ByMechanism<Cell> cells;
  std::string unavailable;  // why, if it is not
  std::string note;         // why a part, or some repeats, are missing
};

struct Comparison {
  std::string kernel;                // its release
  ByMechanism<std::string> missing;  // why one is not available at all
  std::vector<Row> rows;

  // Scenarios in which that mechanism was wrong at least once.
  [[nodiscard]] std::size_t wrong(Mechanism mechanism) const;
  [[nodiscard]] std::size_t unavailable() const;

  // At least one scenario was run, and the kernel column was right in all.
  [[nodiscard]] bool proves_kernel() const;
};

}  // namespace hb::compare
