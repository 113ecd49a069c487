#include "report/loss_report.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hb {
namespace {

// Metrics whose labels are reasons.
constexpr std::array<std::string_view, 2> kByReason = {"frames_dropped_total",
                                                       "stamps_dropped_total"};

// Metrics that are one reason each.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kReasons = {{
    {"udp_receive_buffer_drops_total", "udp_receive_buffer"},
    {"unheard_total", "unheard"},
    {"exits_lost_total", "exits_lost"},
    {"events_lost_total", kStreamLoss},
    {"log_lines_lost_total", kLogLoss},
    {"export_lines_lost_total", kExportLoss},
}};

}  // namespace

// A frame that is dropped for a full ring was counted by the kernel program already.
std::string_view loss_reason(const Total& total) {
  if (total.metric == "frames_dropped_total" && total.label == "ring_full") return {};
  for (const auto metric : kByReason) {
    if (total.metric == metric) return total.label;
  }
  for (const auto& [metric, reason] : kReasons) {
    if (total.metric == metric) return reason;
  }
  return {};
}

std::vector<Loss> LossReport::look(const Totals& totals, std::uint64_t now_ns) {
  count(totals);
  std::vector<Loss> notices;
  for (Reason& reason : reasons_) {
    if (reason.count <= reason.told) {
      reason.since_ns = now_ns;
      continue;
    }
    if (!reason.told_ns || now_ns - *reason.told_ns >= kPause_ns) {
      notices.push_back(tell(reason, now_ns));
    }
  }
  looked_ns_ = now_ns;
  return notices;
}

std::vector<Loss> LossReport::finish(const Totals& totals, std::uint64_t now_ns) {
  for (Reason& reason : reasons_) reason.told_ns.reset();
  return look(totals, now_ns);
}

void LossReport::count(const Totals& totals) {
  for (Reason& reason : reasons_) reason.count = 0;
  for (const Total& total : totals) {
    const auto name = loss_reason(total);
    if (!name.empty()) add(name, total.value);
  }
}

void LossReport::add(std::string_view name, std::uint64_t value) {
  const auto known = std::find_if(reasons_.begin(), reasons_.end(),
                                  [&](const Reason& reason) { return reason.name == name; });
  if (known != reasons_.end()) {
    known->count += value;
  } else {
    reasons_.push_back({.name = name, .count = value, .since_ns = looked_ns_});
  }
}

Loss LossReport::tell(Reason& reason, std::uint64_t now_ns) {
  const Loss loss{reason.name, reason.count - reason.told, reason.since_ns - start_ns_,
                  reason.count, now_ns - start_ns_};
  reason.told = reason.count;
  reason.told_ns = reason.since_ns = now_ns;
  return loss;
}

}  // namespace hb
