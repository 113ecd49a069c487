#include "status/beat_rates.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "vlp/frame.hpp"

namespace hb::status {

void BeatRates::take(const StatusDocument& document) {
  if (document.run != run_) *this = BeatRates();
  run_ = document.run;
  if (!document.uptime_ns) return;
  // When it was written down: the same may be told twice.
  const std::uint64_t age_ns = document.snapshot_age_ns.value_or(0);
  const std::uint64_t at_ns = *document.uptime_ns - std::min(*document.uptime_ns, age_ns);
  add(all_, {at_ns, document.counter("beats_total")});

  std::map<Key, Samples> seen;
  for (const AgentLine& agent : document.agents) {
    const auto key = key_of(agent);
    if (!key || !agent.nonce || *agent.nonce == vlp::kTerminalNonce) continue;
    Samples samples = std::move(agents_[*key]);
    add(samples, {at_ns, *agent.nonce});
    seen.insert_or_assign(*key, std::move(samples));
  }
  agents_ = std::move(seen);
}

std::optional<double> BeatRates::of(const AgentLine& agent) const {
  const auto key = key_of(agent);
  const auto found = key ? agents_.find(*key) : agents_.end();
  return found == agents_.end() ? std::nullopt : rate(found->second);
}

std::optional<double> BeatRates::of_all() const { return rate(all_); }

std::optional<BeatRates::Key> BeatRates::key_of(const AgentLine& agent) {
  if (!agent.pid) return std::nullopt;
  return Key(*agent.pid, agent.host.value_or(""));
}

void BeatRates::add(Samples& samples, Sample sample) {
  if (!samples.empty()) {
    const Sample& last = samples.back();
    if (sample.at_ns == last.at_ns && sample.count == last.count) return;
    if (sample.count < last.count || sample.at_ns < last.at_ns) samples.clear();
  }
  samples.push_back(sample);
  if (samples.size() > kDocuments) samples.pop_front();
}

std::optional<double> BeatRates::rate(const Samples& samples) {
  if (samples.size() < 2 || samples.back().at_ns == samples.front().at_ns) return std::nullopt;
  const auto beats = static_cast<double>(samples.back().count - samples.front().count);
  const auto ns = static_cast<double>(samples.back().at_ns - samples.front().at_ns);
  return beats * static_cast<double>(kNsPerSecond) / ns;
}

}  // namespace hb::status
