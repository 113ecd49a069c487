// Comparison: what came out, scenario by scenario. Pure data; runner.hpp fills it, report_*.cpp
// tell it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lab/compare/conclusion.hpp"
#include "lab/compare/scenario.hpp"

namespace hb::compare {

struct Cell {
  Conclusion conclusion = Conclusion::Unavailable;  // a wrong one, if any of the repeats was
  std::uint64_t wrong = 0;                          // how many were
};

struct Row {
  const Scenario* scenario = nullptr;
  std::uint64_t repeats = 0;  // that were made; 0: the scenario is not available
  ByMechanism<Cell> cells;
  std::string unavailable;  // why, if it is not
  std::string note;         // why part of it is not, or not as often as asked
};

struct Comparison {
  std::string kernel;                // its release
  ByMechanism<std::string> missing;  // why one is not available at all
  std::vector<Row> rows;

  // Scenarios in which that mechanism was wrong at least once.
  [[nodiscard]] std::size_t wrong(Mechanism mechanism) const;
  [[nodiscard]] std::size_t unavailable() const;

  // Something was compared, and the stamps were right about all of it.
  [[nodiscard]] bool proves_kernel() const;
};

}  // namespace hb::compare
