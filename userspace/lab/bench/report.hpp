// The results of a run as text, JSON and gnuplot script.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/findings.hpp"
#include "lab/bench/host.hpp"
#include "lab/bench/targets.hpp"

namespace hb::bench {

struct Report {
  Host host;
  Findings findings;
  std::vector<Judged> targets;
};

[[nodiscard]] std::string as_text(const Report& report, bool colour);
[[nodiscard]] std::string as_json(const Report& report);  // one object, as contracted

// For gnuplot: an SVG on its standard output, with a panel for each measurement.
[[nodiscard]] std::string as_plot_script(const Report& report);

}  // namespace hb::bench
