// FloodTrial: honest agents during a flood, and `hb-ebpf run` with --recovery-signal KILL. One of
// the agents hangs during the flood; the others must not be affected.
//
// The results come from the event stream, with the observer's times, and from the agents' exit
// status, so reading the stream late on a busy machine does not change them.
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
  std::vector<HonestAgents::Manner> manners;  // the last agent hangs
  std::uint64_t duration_ns = 0;              // at least so long
  std::uint64_t threshold_ms = 2'000;         // longer than the longest interval
};

struct FloodOutcome {
  // Of the honest agents, but for the one that hangs.
  std::uint64_t tried = 0;     // beats
  std::uint64_t accepted = 0;  // beat events
  std::uint64_t full = 0;      // the agent got EAGAIN
  std::uint64_t false_stalls = 0;
  std::uint64_t refused = 0;  // auth_failure events with an honest sender
  std::uint64_t killed = 0;
  std::uint64_t stuck = 0;  // still blocked on the queue, long after the flood

  // From the hung agent's last attempt to its stall. Empty: not found within kLatest thresholds.
  std::optional<std::uint64_t> found_ns;
  bool hung_is_killed = false;

  Flooder::Total flood;
  ObserverProcess::Counters counters;

  static constexpr std::uint64_t kLatest = 3;

  // Sent without EAGAIN, but not reported.
  [[nodiscard]] std::uint64_t unheard() const {
    return tried > accepted + full ? tried - accepted - full : 0;
  }
};

// The Error: the observer or the flood could not be started, the observer did not end, or it was
// interrupted.
[[nodiscard]] Result<FloodOutcome> hold(const Lab& lab, const FloodTrial& trial);

}  // namespace hb::bench
