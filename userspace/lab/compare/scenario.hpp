// Scenario: something that real processes do, built so that the truth about it is known.
//
// Its function makes the processes, lets them send, lets the columns read at the moment that the
// scenario is about, and says what they concluded. It leaves nothing behind, whether it succeeds or
// not. The Error says why the scenario cannot be made here.
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
  std::string note;  // what of the scenario could not be made here, though the rest could

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

// All of them, in the order in which they are told.
[[nodiscard]] std::span<const Scenario> scenarios();

// nullptr: there is none of that name.
[[nodiscard]] const Scenario* find_scenario(std::string_view name);

}  // namespace hb::compare
