// Scenario: actions of real processes for which the right verdict is known.
//
// Its function creates the processes, lets them send, lets the columns read at the intended time,
// and returns their conclusions. It cleans up in any case. The Error says why the scenario cannot
// be run here.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "lab/compare/conclusion.hpp"
#include "lab/compare/stage.hpp"

namespace hb::compare {

struct Observed {
  Conclusions conclusions;
  std::string note;  // which part of the scenario could not be run here

  Observed(const Conclusions& all, std::string remark = {})  // NOLINT(*-explicit-*)
      : conclusions(all), note(std::move(remark)) {}
};

using Outcome = Result<Observed>;

struct Scenario {
  std::string_view name;
  std::string_view summary;
  Conclusion truth;
  Outcome (*play)(const Stage& stage);
};

// All scenarios, in the order of the report.
[[nodiscard]] std::span<const Scenario> scenarios();

// nullptr: there is none of that name.
[[nodiscard]] const Scenario* find_scenario(std::string_view name);

}  // namespace hb::compare
