// What the pages of the publisher process are made of.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "procfs/process_stat.hpp"
#include "publish/board.hpp"
#include "publish/health.hpp"
#include "publish/service_table.hpp"
#include "publish/totals_layout.hpp"

namespace hb {

// What does not change in a run.
struct RunFacts {
  std::string version;
  std::string revision;
  std::string socket;
  std::string attest;
  std::uint64_t threshold_ms = 0;
  pid_t pid = 0;
  std::uint64_t max_descriptors = 0;
};

// Borrows everything.
struct View {
  const RunFacts& run;
  const TotalsLayout& layout;
  const ServiceTable& services;
  const Figures& figures;  // written_ns 0: there are none
  const AgentRows& agents;
  const Health& health;
  std::uint64_t now_ns;
  std::optional<ProcessStat> process;  // the observer's
  std::uint64_t metrics_per_agent = 0;
};

// The text of the shared memory's fixed fields.
template <typename Chars>
[[nodiscard]] std::string_view text_in(const Chars& chars) {
  const std::string_view all(chars.data(), chars.size());
  return all.substr(0, all.find('\0'));
}

[[nodiscard]] inline std::uint64_t age_ns(std::uint64_t then_ns, std::uint64_t now_ns) {
  return now_ns > then_ns ? now_ns - then_ns : 0;
}

// The state of a service as recovery has it, else by its silent agents.
[[nodiscard]] std::string_view state_of(const View& view, std::size_t service);

}  // namespace hb
