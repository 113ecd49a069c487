// FloodTrial: honest agents beside a flood, and `hb-ebpf run` with --recovery-signal KILL. One of
// the agents hangs in the middle of it; the others must not notice that there is a flood at all.
//
// What is judged comes from the event stream by the observer's own clock, and from the agents'
// ends: a machine that is too busy to read the stream in time does not change the verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "lab/bench/flooder.hpp"
#include "lab/bench/honest_agents.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/observer_process.hpp"
#include "lab/bench/way.hpp"

namespace hb::bench {

struct FloodTrial {
  Way way = Way::KernelSocket;
  Flood flood;                                // a forger's victim is the first honest agent
  std::vector<HonestAgents::Manner> manners;  // the last one's is the agent that hangs
  std::uint64_t duration_ns = 0;              // of the flood; longer, until the hung one is found
  std::uint64_t threshold_ms = 2'000;         // longer than the longest interval
};

struct FloodOutcome {
  // Of the honest agents, but for the one that hangs.
  std::uint64_t tried = 0;     // beats
  std::uint64_t accepted = 0;  // told as beats
  std::uint64_t full = 0;      // the agent was told that there was no room
  std::uint64_t false_stalls = 0;
  std::uint64_t refused = 0;  // told as an auth_failure whose sender was an honest agent
  std::uint64_t killed = 0;
  std::uint64_t stuck = 0;  // waits for room still, when the flood is long over

  // From the last beat that the hung one tried to send to its stall. Nothing: not found within
  // kLatest thresholds.
  std::optional<std::uint64_t> found_ns;
  bool hung_is_killed = false;

  Flooder::Total flood;
  ObserverProcess::Counters counters;

  static constexpr std::uint64_t kLatest = 3;

  // Neither taken with a word to the agent that it was not, nor told by the observer.
  [[nodiscard]] std::uint64_t unheard() const {
    return tried > accepted + full ? tried - accepted - full : 0;
  }
};

// The Error: the observer or the flood could not be started, the observer did not end, or it was
// interrupted.
[[nodiscard]] Result<FloodOutcome> hold(const Lab& lab, const FloodTrial& trial);

}  // namespace hb::bench
