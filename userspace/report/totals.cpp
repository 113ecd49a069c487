#include "report/totals.hpp"

namespace hb {
namespace {

template <typename Table>
void append(Totals& totals, std::string_view metric, const Table& table) {
  table.for_each([&](auto value, std::uint64_t count) {
    totals.push_back({metric, name(value), count});
  });
}

}  // namespace

Totals totals_of(const Counters& counters) {
  Totals totals;
  const auto plain = [&](std::string_view metric, std::uint64_t value) {
    totals.push_back({metric, {}, value});
  };
  plain("receptions_total", counters.receptions);
  plain("beats_total", counters.beats);
  plain("stalls_total", counters.stalls);
  append(totals, "decode_errors_total", counters.decode_errors);
  append(totals, "auth_failures_total", counters.auth_failures);
  plain("namespace_conflicts_total", counters.namespace_conflicts);
  plain("origin_conflicts_total", counters.origin_conflicts);
  plain("io_errors_total", counters.io_errors);
  plain("ctrl_truncated_total", counters.ctrl_truncated);
  plain("out_of_order_total", counters.out_of_order);
  plain("pid_recycled_total", counters.pid_recycled);
  plain("sessions_restarted_total", counters.sessions_restarted);
  append(totals, "frames_dropped_total", counters.frames_dropped);
  plain("tracker_evicted_total", counters.tracker_evicted);
  plain("tracker_full_total", counters.frames_dropped[FrameDrop::TrackerFull]);
  append(totals, "unheard_total", counters.unheard);
  plain("exits_total", counters.exits);
  plain("exits_untracked_total", counters.exits_untracked);
  plain("clock_jumps_total", counters.clock_jumps);
  return totals;
}

}  // namespace hb
