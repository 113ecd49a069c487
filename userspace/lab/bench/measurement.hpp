// Measurement: a named measurement; its results are rows.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/bench/findings.hpp"
#include "lab/bench/lab.hpp"

namespace hb::bench {

struct Measurement {
  const char* name;
  const char* summary;
  Result<> (*measure)(const Lab& lab, Findings& findings);
};

// In the order in which they run.
[[nodiscard]] std::span<const Measurement> measurements();
[[nodiscard]] const Measurement* find_measurement(std::string_view name);

struct Plan {
  std::vector<const Measurement*> measurements;
  // Called before each of them, to show progress.
  std::function<void(const Measurement& measurement, std::size_t index)> progress;
};

// The Error says that it was interrupted, with EINTR. A measurement that fails becomes a finding,
// and the others are run.
[[nodiscard]] Result<Findings> run(const Plan& plan, const Lab& lab);

}  // namespace hb::bench
