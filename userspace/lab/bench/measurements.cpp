#include <algorithm>
#include <array>
#include <cerrno>

#include "lab/bench/measure.hpp"
#include "lab/bench/measurement.hpp"
#include "lab/workspace.hpp"

namespace hb::bench {
namespace {

constexpr std::array kMeasurements = {
    Measurement{"observer", "the observer's CPU time for one frame, in each way", measure_observer},
    Measurement{"sender", "an agent's CPU time for one send, with and without stamps",
                measure_sender},
    Measurement{"scale", "a beat and a check for stalls, with 1,000 to 1,000,000 agents",
                measure_scale},
    Measurement{"idle", "CPU and memory of `run` with 50 and 1,000 agents at 1 Hz", measure_idle},
    Measurement{"steady", "CPU time of `run` for a beat, at 100, 2,000 and 20,000 a second",
                measure_steady},
    Measurement{"throughput", "beats a second with nothing lost, against bare sends",
                measure_throughput},
    Measurement{"overload", "what becomes of honest agents, and of a signal, under a flood",
                measure_overload},
    Measurement{"latency", "from a send to its event, as a reader of `run` sees it",
                measure_latency},
    Measurement{"exit", "from the death of an agent to its event", measure_exit},
    Measurement{"stall", "from the threshold of a silence to its event", measure_stall},
};

}  // namespace

std::span<const Measurement> measurements() { return kMeasurements; }

const Measurement* find_measurement(std::string_view name) {
  const auto* found = std::find_if(kMeasurements.begin(), kMeasurements.end(),
                                   [&](const Measurement& one) { return one.name == name; });
  return found == kMeasurements.end() ? nullptr : &*found;
}

Result<Findings> run(const Plan& plan, const Lab& lab) {
  Findings findings;
  for (std::size_t i = 0; i < plan.measurements.size(); ++i) {
    const Measurement& measurement = *plan.measurements[i];
    if (plan.progress) plan.progress(measurement, i);
    const auto done = measurement.measure(lab, findings);
    lab::Workspace::reap_orphans();
    if (lab.is_stopped()) return Error{"interrupted", EINTR};
    if (!done) findings.failed(measurement.name, done.error().message);
  }
  return findings;
}

}  // namespace hb::bench
