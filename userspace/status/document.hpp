// StatusDocument: what an observer tells of itself on its status socket, version 1.
//
// Whatever the observer does not know, or does not tell, is std::nullopt or empty. Every text is
// printable ASCII: agents choose their names, and these are shown on terminals.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hb::status {

using Number = std::optional<std::uint64_t>;
using Text = std::optional<std::string>;

struct LossLine {
  Text reason;  // "ring_full"
  Number count;
  Text what;  // what is lost
};

struct ServiceLine {
  Text name;
  Text state;
  Number agents;
  Number silent;
  Number beats;
  Number stalls;
  Number oldest_beat_age_ns;
};

struct AgentLine {
  Number pid;
  Text host;    // an agent on another host: its address; `pid` is a process there
  Text state;   // "alive", "silent"
  Text status;  // as its last frame says: "ok", "degraded", "critical"
  Number payload;
  Number nonce;
  Number last_beat_age_ns;
  Number threshold_ns;
  Text protocol;
  Number stalls;
  Text origin;
  Number uid;
  Text comm;
  Text service;
  Text cgroup;

  [[nodiscard]] bool is_silent() const { return state == "silent"; }
};

struct StatusDocument {
  Text hb_version;
  Text revision;
  Text run;  // differs from one run of the observer to the next
  Text socket;
  Text attest;
  Number pid;
  Number uptime_ns;
  Number threshold_ms;
  std::optional<bool> healthy;
  std::optional<bool> ready;
  std::vector<std::string> reasons;               // why not
  Number loop_age_ns;                             // since the loop last turned
  Number self_beat_age_ns;                        // since the observer last heard its own beat
  Number snapshot_age_ns;                         // since the observer wrote down what this tells
  std::map<std::string, std::uint64_t> counters;  // "beats_total", "stalls_total.silence"
  std::vector<LossLine> losses;
  std::vector<ServiceLine> services;
  Number agents_total;
  std::vector<AgentLine> agents;  // those that are shown

  [[nodiscard]] bool is_well() const { return healthy == true && ready == true; }
  // How many agents there are, and how many of those that are shown are silent.
  [[nodiscard]] std::uint64_t agent_count() const { return agents_total.value_or(agents.size()); }
  [[nodiscard]] std::uint64_t silent_count() const;
  // 0 if it is not told.
  [[nodiscard]] std::uint64_t counter(const std::string& name) const;
  // The sum over its label, where the counter has one.
  [[nodiscard]] std::uint64_t counter_sum(const std::string& name) const;
};

}  // namespace hb::status
