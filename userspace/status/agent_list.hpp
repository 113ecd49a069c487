// Which agents `hb-ebpf top` shows, and in which order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/enum_values.hpp"
#include "status/beat_rates.hpp"
#include "status/document.hpp"

namespace hb::status {

enum class AgentOrder : std::uint8_t { Age, Rate, Pid, Service, Stalls, Comm };

[[nodiscard]] constexpr const char* name(AgentOrder order) {
  switch (order) {
    case AgentOrder::Age: return "age";
    case AgentOrder::Rate: return "rate";
    case AgentOrder::Pid: return "pid";
    case AgentOrder::Service: return "service";
    case AgentOrder::Stalls: return "stalls";
    case AgentOrder::Comm: return "comm";
  }
  return kNoName;
}

struct Arrangement {
  AgentOrder order = AgentOrder::Age;
  bool is_reversed = false;
  std::string filter;  // empty: all
};

struct RatedAgent {
  const AgentLine* agent;
  std::optional<double> rate;
};

// Those whose pid, host, state, status, service, cgroup or comm contains the filter, in whatever
// case. Ages, rates and stalls begin with the largest, the others with the smallest; what is not
// known comes last in either direction. Points into `agents`.
[[nodiscard]] std::vector<RatedAgent> arrange(const std::vector<AgentLine>& agents,
                                              const BeatRates& rates, const Arrangement& how);

}  // namespace hb::status
