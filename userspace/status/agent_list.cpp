#include "status/agent_list.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace hb::status {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool contains(const std::string& text, const std::string& part) {
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(),
                                 [](char a, char b) { return lower(a) == lower(b); });
  return found != text.end();
}

bool matches(const AgentLine& agent, const std::string& filter) {
  if (filter.empty()) return true;
  if (agent.pid && contains(std::to_string(*agent.pid), filter)) return true;
  const Text* texts[] = {&agent.host,    &agent.state,  &agent.status,
                         &agent.service, &agent.cgroup, &agent.comm};
  return std::any_of(std::begin(texts), std::end(texts),
                     [&filter](const Text* text) { return *text && contains(**text, filter); });
}

bool begins_with_largest(AgentOrder order) {
  switch (order) {
    case AgentOrder::Age:
    case AgentOrder::Rate:
    case AgentOrder::Stalls: return true;
    case AgentOrder::Pid:
    case AgentOrder::Service:
    case AgentOrder::Comm: return false;
  }
  return false;
}

// Below 0: `a` comes first.
template <typename Value>
int compare(const std::optional<Value>& a, const std::optional<Value>& b, bool largest_first) {
  if (!a || !b) return static_cast<int>(b.has_value()) - static_cast<int>(a.has_value());
  if (*a == *b) return 0;
  return (*a < *b) == largest_first ? 1 : -1;
}

int compare(const RatedAgent& a, const RatedAgent& b, AgentOrder order, bool largest_first) {
  const AgentLine& x = *a.agent;
  const AgentLine& y = *b.agent;
  switch (order) {
    case AgentOrder::Age: return compare(x.last_beat_age_ns, y.last_beat_age_ns, largest_first);
    case AgentOrder::Rate: return compare(a.rate, b.rate, largest_first);
    case AgentOrder::Pid: return compare(x.pid, y.pid, largest_first);
    case AgentOrder::Service: return compare(x.service, y.service, largest_first);
    case AgentOrder::Stalls: return compare(x.stalls, y.stalls, largest_first);
    case AgentOrder::Comm: return compare(x.comm, y.comm, largest_first);
  }
  return 0;
}

}  // namespace

std::vector<RatedAgent> arrange(const std::vector<AgentLine>& agents, const BeatRates& rates,
                                const Arrangement& how) {
  std::vector<RatedAgent> chosen;
  for (const AgentLine& agent : agents) {
    if (matches(agent, how.filter)) chosen.push_back({&agent, rates.of(agent)});
  }
  const bool largest_first = begins_with_largest(how.order) != how.is_reversed;
  // By pid where they are equal, so that rows stay where they are from one document to the next.
  std::stable_sort(chosen.begin(), chosen.end(), [&](const RatedAgent& a, const RatedAgent& b) {
    const int first = compare(a, b, how.order, largest_first);
    return first != 0 ? first < 0 : compare(a.agent->pid, b.agent->pid, false) < 0;
  });
  return chosen;
}

}  // namespace hb::status
