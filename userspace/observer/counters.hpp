// The counters of an Observer. At any time
//
//   receptions == beats + decode_errors + auth_failures + namespace_conflicts + origin_conflicts
//                 + io_errors + ctrl_truncated + out_of_order + frames_dropped + notices
//
// where an array stands for the sum of its entries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/enum_values.hpp"
#include "base/metric.hpp"
#include "notify/message.hpp"
#include "observer/attempt_watch.hpp"
#include "observer/event.hpp"

namespace hb {

// Why frames are dropped without an event.
enum class FrameDrop : std::uint8_t {
  WrongLength,       // not the length of a frame
  TrackerFull,       // a new agent, and the tracker is full
  UidFull,           // a new agent, and its uid or cgroup has as many as it may
  NetworkFull,       // a new agent on the network, which has as many as it may
  DecryptFailed,     // secure UDP: not sealed with our key, or altered
  AgentPidMismatch,  // secure UDP: sealed with one agent's key, claims to be another
  Replayed,          // secure UDP: not newer than an earlier frame of this sender
  SenderTableFull,   // secure UDP: a new sender, and all known ones are still live
  RingFull,          // no stamp, as the ring was full
  StampEvicted,      // its stamp was evicted from the table of waiting stamps
  BeforeStart,       // it waited in a passed socket before the kernel program was on that
};

// The names of metrics.
[[nodiscard]] constexpr const char* name(FrameDrop reason) {
  switch (reason) {
    case FrameDrop::WrongLength: return "wrong_length";
    case FrameDrop::TrackerFull: return "tracker_full";
    case FrameDrop::UidFull: return "uid_full";
    case FrameDrop::NetworkFull: return "network_full";
    case FrameDrop::DecryptFailed: return "decrypt_failed";
    case FrameDrop::AgentPidMismatch: return "agent_pid_mismatch";
    case FrameDrop::Replayed: return "replayed";
    case FrameDrop::SenderTableFull: return "sender_table_full";
    case FrameDrop::RingFull: return "ring_full";
    case FrameDrop::StampEvicted: return "stamp_evicted";
    case FrameDrop::BeforeStart: return "before_start";
  }
  return kNoName;
}

// In notices of losses.
[[nodiscard]] constexpr std::string_view what_is_lost(FrameDrop reason) {
  switch (reason) {
    case FrameDrop::WrongLength: return "datagrams of a length that no frame has";
    case FrameDrop::TrackerFull:
      return "beats of new agents, as the tracker is full (--tracker-capacity)";
    case FrameDrop::UidFull:
      return "beats of new agents of a user or cgroup that has as many as it may "
             "(--agents-per-uid)";
    case FrameDrop::NetworkFull:
      return "beats of new agents on the network, which has as many as it may (--network-agents)";
    case FrameDrop::DecryptFailed:
      return "UDP datagrams that were not sealed with our key, or were altered";
    case FrameDrop::AgentPidMismatch:
      return "UDP beats that claimed another pid than their key is for";
    case FrameDrop::Replayed:
      return "UDP beats that were not newer than what their sender had sent before";
    case FrameDrop::SenderTableFull:
      return "UDP beats of new senders, as the table of senders is full of live ones";
    case FrameDrop::RingFull: return "";  // the kernel program has counted it as lost already
    case FrameDrop::StampEvicted: return "frames whose stamps were evicted for those of others";
    case FrameDrop::BeforeStart:
      return "datagrams that waited in the socket unit's socket before the kernel program was on it";
  }
  return "";
}

// One counter for each value of an enum (base/enum_values.hpp).
template <typename Enum>
class CountBy {
 public:
  std::uint64_t& operator[](Enum value) { return counts_[static_cast<std::size_t>(value)]; }
  std::uint64_t operator[](Enum value) const { return counts_[static_cast<std::size_t>(value)]; }

  [[nodiscard]] std::uint64_t sum() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }

  // f(value, count) for every value, also at 0.
  template <typename F>
  void for_each(F f) const {
    for (const Enum value : kEnumValues<Enum>) f(value, (*this)[value]);
  }

 private:
  std::array<std::uint64_t, kEnumValues<Enum>.size()> counts_{};
};

struct Counters {
  static constexpr Metric kReceptions{"receptions_total", "receptions",
                                      "datagrams, and failures to receive one"};
  std::uint64_t receptions = 0;

  static constexpr Metric kBeats{"beats_total", "beats", "beats that were accepted"};
  std::uint64_t beats = 0;

  static constexpr Metric kStalls{"stalls_total", "stalls", "agents that fell silent or ended"};
  std::uint64_t stalls = 0;

  static constexpr Metric kDecodeErrors{"decode_errors_total", "datagrams",
                                        "datagrams of a frame's length that are no frame", "error",
                                        kLabelValues<vlp::DecodeError>};
  CountBy<vlp::DecodeError> decode_errors;

  static constexpr Metric kAuthFailures{
      "auth_failures_total", "frames",
      "frames whose sender is not the process that they claim, or is not known", "cause",
      kLabelValues<AuthFailureCause>};
  CountBy<AuthFailureCause> auth_failures;

  static constexpr Metric kNamespaceConflicts{
      "namespace_conflicts_total", "frames",
      "frames from another PID namespace than policy, or their agent's first beat, admits"};
  std::uint64_t namespace_conflicts = 0;

  static constexpr Metric kOriginConflicts{
      "origin_conflicts_total", "frames",
      "frames for a known agent that came by another transport than its first"};
  std::uint64_t origin_conflicts = 0;

  static constexpr Metric kOriginTakeovers{
      "origin_takeovers_total", "beats",
      "first beats of attested processes whose pid had been claimed by another transport"};
  std::uint64_t origin_takeovers = 0;

  static constexpr Metric kIoErrors{"io_errors_total", "errors", "failures to receive"};
  std::uint64_t io_errors = 0;

  static constexpr Metric kCtrlTruncated{"ctrl_truncated_total", "datagrams",
                                         "datagrams with more ancillary data than credentials"};
  std::uint64_t ctrl_truncated = 0;

  static constexpr Metric kOutOfOrder{
      .name = "out_of_order_total",
      .unit = "frames",
      .help = "frames that are older than an earlier one of their agent",
      .loss = "out_of_order"};
  std::uint64_t out_of_order = 0;

  static constexpr Metric kFramesDropped{"frames_dropped_total", "frames",
                                         "frames that were dropped without an event", "reason",
                                         kLabelValues<FrameDrop>};
  CountBy<FrameDrop> frames_dropped;

  static constexpr Metric kNotices{"notices_total", "messages",
                                   "messages of the notify protocol that were no beats"};
  std::uint64_t notices = 0;

  static constexpr Metric kNotifyLines{"notify_lines_total", "lines",
                                       "lines of messages of the notify protocol", "assignment",
                                       kLabelValues<notify::Assignment>};
  CountBy<notify::Assignment> notify_lines;

  static constexpr Metric kNotifyCredentialsIgnored{
      "notify_credentials_ignored_total", "messages",
      "messages of the notify protocol whose SCM_CREDENTIALS name another process than sent them"};
  std::uint64_t notify_credentials_ignored = 0;

  static constexpr Metric kPidRecycled{"pid_recycled_total", "beats",
                                       "beats of another process under the pid of a known agent"};
  std::uint64_t pid_recycled = 0;

  static constexpr Metric kSessionsRestarted{
      "sessions_restarted_total", "beats", "beats of a known process that began its nonces again"};
  std::uint64_t sessions_restarted = 0;

  static constexpr Metric kTrackerEvicted{
      .name = "tracker_evicted_total",
      .unit = "agents",
      .help = "stalled agents that were forgotten to make room for new ones (--tracker-capacity)",
      .loss = "tracker_evicted"};
  std::uint64_t tracker_evicted = 0;

  // frames_dropped[TrackerFull], as a metric of its own.
  static constexpr Metric kTrackerFull{
      "tracker_full_total", "frames",
      "beats of new agents that were dropped as no more can be tracked"};

  static constexpr Metric kUnheard{
      .name = "unheard_total",
      .unit = "times",
      .help = "times that an agent was not reported as silent because it had attempted to send",
      .label = "reason",
      .values = kLabelValues<Unheard>,
      .loss = "unheard"};
  CountBy<Unheard> unheard;

  static constexpr Metric kExits{"exits_total", "processes",
                                 "exits of processes that had attempted to beat"};
  std::uint64_t exits = 0;

  static constexpr Metric kExitsUntracked{
      "exits_untracked_total", "processes",
      "exits of processes that were no agents; the others are stalls"};
  std::uint64_t exits_untracked = 0;

  static constexpr Metric kClockJumps{
      "clock_jumps_total", "times",
      "times that the observer itself did not run (stopped, paused, suspended)"};
  std::uint64_t clock_jumps = 0;

  // What the receptions must add up to.
  [[nodiscard]] std::uint64_t handled() const {
    return beats + decode_errors.sum() + auth_failures.sum() + namespace_conflicts +
           origin_conflicts + io_errors + ctrl_truncated + out_of_order + frames_dropped.sum() +
           notices;
  }

  // A process was killed between the count of a reception and that of what became of it: it is not
  // counted. False: they differ by more than that, and are not to be believed.
  bool settle() {
    constexpr std::uint64_t kMost = 1024;
    const std::uint64_t sum = handled();
    if (receptions + kMost < sum || sum + kMost < receptions) return false;
    receptions = sum;
    return true;
  }
};

}  // namespace hb
