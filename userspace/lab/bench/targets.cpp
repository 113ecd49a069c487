#include "lab/bench/targets.hpp"

#include <algorithm>
#include <functional>

#include "lab/bench/flooder.hpp"
#include "lab/bench/way.hpp"

namespace hb::bench {
namespace {

using Value = std::function<std::optional<double>(const Findings&)>;

// The median of the ratios of the rounds.
Value ratio(const std::string& dividend, const std::string& divisor) {
  return [=](const Findings& findings) {
    return median(ratios(findings.samples(dividend), findings.samples(divisor)));
  };
}

Value median_of(const std::string& row) {
  return [=](const Findings& findings) { return median(findings.samples(row)); };
}

Value p99_of(const std::string& row) {
  return [=](const Findings& findings) { return quantile(findings.samples(row), 0.99); };
}

Value greatest_of(const std::string& row) {
  return [=](const Findings& findings) { return quantile(findings.samples(row), 1); };
}

// The worst of those that were measured: a target applies to both deliveries.
Value greatest(const std::vector<Value>& values) {
  return [=](const Findings& findings) {
    std::optional<double> worst;
    for (const Value& value : values) {
      const auto one = value(findings);
      if (one) worst = std::max(*one, worst.value_or(*one));
    }
    return worst;
  };
}

// The worst of all floods in both deliveries.
Value worst_flood(const std::string& what) {
  std::vector<Value> values;
  for (const FloodKind kind : kFloodKinds) {
    for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
      const std::string flood = std::string("overload/") + name(kind) + "/" + name(way);
      values.push_back(greatest_of(flood + "/" + what));
    }
  }
  return greatest(values);
}

struct Rule {
  Target target;
  Value value;
};

std::vector<Rule> rules() {
  return {
      {{"observer_kernel_socket_over_procfs", 0.30, 0.22},
       ratio("observer/kernel-socket", "observer/procfs")},
      {{"observer_kernel_socket_over_raw_recvmmsg", 1.30, 1.10},
       ratio("observer/kernel-socket", "observer/raw")},
      {{"observer_kernel_ring_over_procfs", 0.03, 0.01},
       ratio("observer/kernel-ring", "observer/procfs")},
      {{"steady_2000_socket_over_procfs", 0.25, 0.15},
       ratio("steady/2000/kernel-socket", "steady/2000/procfs")},
      {{"steady_2000_ring_over_procfs", 0.05, 0.03},
       ratio("steady/2000/kernel-ring", "steady/2000/procfs")},
      {{"throughput_ring_over_bare_sends", 0.7, 1.0, Direction::AtLeast},
       ratio("throughput/kernel-ring", "throughput/bare")},
      {{"sender_stamped_over_plain", 1.30, 1.10},
       greatest({ratio("sender/1/kernel-socket", "sender/1/plain"),
                 ratio("sender/4/kernel-socket", "sender/4/plain"),
                 ratio("sender/1/kernel-ring", "sender/1/plain"),
                 ratio("sender/4/kernel-ring", "sender/4/plain")})},
      {{"scale_beat_1e6_over_1e3", 3, 1.5}, ratio("scale/beat/1e6", "scale/beat/1e3")},
      {{"scale_stall_check_1e6_over_1e3", 1.2, 1.0},
       ratio("scale/stall-check/1e6", "scale/stall-check/1e3")},
      {{"bytes_per_tracked_agent", 128, 64}, median_of("scale/bytes-per-agent")},
      {{"idle_50_agents_over_raw", 0.35, 0.20},
       greatest({ratio("idle/50/kernel-socket/cpu", "idle/50/raw/cpu"),
                 ratio("idle/50/kernel-ring/cpu", "idle/50/raw/cpu")})},
      {{"idle_50_agents_rss_mib", 16, std::nullopt}, median_of("idle/50/kernel-socket/rss")},
      {{"exit_to_event_p99_ms", 10, 1},
       greatest({p99_of("exit/kernel-socket"), p99_of("exit/kernel-ring")})},
      {{"stall_past_threshold_p99_ms", 10, 2},
       greatest({p99_of("stall/kernel-socket"), p99_of("stall/kernel-ring")})},
      {{"overload_killed", 0, std::nullopt}, worst_flood("killed")},
      {{"overload_false_stalls", 0, std::nullopt}, worst_flood("false-stalls")},
      {{"overload_hung_found_thresholds", 2, 1.1}, worst_flood("hung-found")},
  };
}

}  // namespace

std::vector<Judged> judge(const Findings& findings) {
  std::vector<Judged> judged;
  for (const Rule& rule : rules()) judged.push_back({rule.target, rule.value(findings)});
  return judged;
}

}  // namespace hb::bench
