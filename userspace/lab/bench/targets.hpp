// The performance targets: for each a bar that must be met, and a wish. userspace/lab/README.md has
// the same table; a name here is a key of the JSON report, and part of the contract.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/bench/findings.hpp"

namespace hb::bench {

enum class Direction { AtMost, AtLeast };

struct Target {
  std::string name;
  double bar;
  std::optional<double> wish;
  Direction direction = Direction::AtMost;

  [[nodiscard]] bool is_met_by(double value) const {
    return direction == Direction::AtMost ? value <= bar : value >= bar;
  }
};

struct Judged {
  Target target;
  std::optional<double> value;  // empty: not measured

  [[nodiscard]] bool is_met() const { return value && target.is_met_by(*value); }
};

// All targets, in the order of the table, also those that were not measured.
[[nodiscard]] std::vector<Judged> judge(const Findings& findings);

}  // namespace hb::bench
