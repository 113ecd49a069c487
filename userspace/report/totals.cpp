#include "report/totals.hpp"

namespace hb {

void append_totals(Totals& totals, const Counters& counters) {
  append(totals, Counters::kReceptions, counters.receptions);
  append(totals, Counters::kBeats, counters.beats);
  append(totals, Counters::kStalls, counters.stalls);
  append(totals, Counters::kDecodeErrors, counters.decode_errors);
  append(totals, Counters::kAuthFailures, counters.auth_failures);
  append(totals, Counters::kNamespaceConflicts, counters.namespace_conflicts);
  append(totals, Counters::kOriginConflicts, counters.origin_conflicts);
  append(totals, Counters::kOriginTakeovers, counters.origin_takeovers);
  append(totals, Counters::kIoErrors, counters.io_errors);
  append(totals, Counters::kCtrlTruncated, counters.ctrl_truncated);
  append(totals, Counters::kOutOfOrder, counters.out_of_order);
  append(totals, Counters::kPidRecycled, counters.pid_recycled);
  append(totals, Counters::kSessionsRestarted, counters.sessions_restarted);
  append(totals, Counters::kFramesDropped, counters.frames_dropped);
  append(totals, Counters::kTrackerEvicted, counters.tracker_evicted);
  append(totals, Counters::kTrackerFull, counters.frames_dropped[FrameDrop::TrackerFull]);
  append(totals, Counters::kUnheard, counters.unheard);
  append(totals, Counters::kExits, counters.exits);
  append(totals, Counters::kExitsUntracked, counters.exits_untracked);
  append(totals, Counters::kClockJumps, counters.clock_jumps);
  append(totals, Counters::kNotices, counters.notices);
  append(totals, Counters::kNotifyLines, counters.notify_lines);
  append(totals, Counters::kNotifyCredentialsIgnored, counters.notify_credentials_ignored);
}

std::string in_words(const Totals& totals) {
  std::string text;
  for (const Total& total : totals) {
    if (total.value == 0) continue;
    if (!text.empty()) text += ' ';
    text += total.metric->name;
    if (total.label != nullptr) (text += '.') += total.label->name;
    (text += '=') += std::to_string(total.value);
  }
  return text;
}

}  // namespace hb
