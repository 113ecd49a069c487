// What the observer makes of messages of the notify protocol (sd_notify(3)). A message claims
// nothing: whose it is, its stamp says.
//
//   WATCHDOG=1            a beat. From the first one on the sender's silence is judged
//   READY=1               a beat. A new agent is not watched until it says that it will beat
//   WATCHDOG_USEC=        a beat, and from then on the threshold; 0: it is not watched any more
//   RELOADING=1           a beat of a known agent, and it has time until its next one
//   STOPPING=1            likewise; it is its last word: how it ends is then what it wants
//   EXTEND_TIMEOUT_USEC=  how much time; alone: likewise
//   WATCHDOG=trigger      a stall
//
// Nothing else is a sign of life, as in systemd. A process that has sent none of the first three is
// no agent: helpers that only set STATUS= are many, and short-lived.
#include <algorithm>
#include <utility>

#include "observer/notify_time.hpp"
#include "observer/observer.hpp"

namespace hb {
namespace {

using notify::Assignment;
using notify::Message;

// As systemd gives by default (DefaultTimeoutStartSec=, which is for reloading too, and
// DefaultTimeoutStopSec=).
constexpr std::uint64_t kDefaultExtension_ns = 90 * kNsPerSecond;

bool begins(const Message& message) {
  return message.watchdog || message.ready || message.watchdog_ns;
}

bool asks_for_time(const Message& message) {
  return message.reloading || message.stopping || message.extend_ns;
}

bool says_more_than_beat(const Message& message) {
  return message.ready || asks_for_time(message) || message.watchdog_ns || message.error_number ||
         message.count(Assignment::Status) != 0;
}

// A claim that only this sender can make.
std::uint32_t claim_of(const Attestation& sender) {
  const auto* process = std::get_if<Identity>(&sender);
  return process != nullptr ? process->own_tgid : 0;
}

}  // namespace

std::optional<Event> Observer::handle(const Notification& what, std::uint64_t now_ns) {
  for (const Assignment kind : kEnumValues<Assignment>) {
    counters_.notify_lines[kind] += what.message.count(kind);
  }
  if (what.names_other) ++counters_.notify_credentials_ignored;
  const std::uint32_t claim = claim_of(what.sender);
  const Verdict judged = verdict(claim, what.sender, policy_);
  if (const auto* forged = std::get_if<Forged>(&judged)) return refuse(claim, *forged, now_ns);
  if (const auto* foreign = std::get_if<ForeignNamespace>(&judged)) {
    return refuse(claim, *foreign, now_ns);
  }
  const auto& sender = std::get<Identity>(what.sender);
  return heed(sender, what.message, std::get<Accepted>(judged).pid, now_ns);
}

std::optional<Event> Observer::heed(const Identity& sender, const Message& message,
                                    std::uint32_t pid, std::uint64_t now_ns) {
  const bool is_known = tracker_.has(pid, sender.generation_ns);
  const bool is_beat = begins(message) || (is_known && asks_for_time(message));
  std::optional<Event> first;
  if (is_beat) {
    first = record(sender, message, pid, now_ns);
  } else {
    ++counters_.notices;
    tracker_.note_refused(pid, sender.generation_ns, sender.sent_ns);
  }
  if (!tracker_.has(pid, sender.generation_ns)) return first;
  const std::uint64_t threshold_ns = watch(sender, message, pid, !is_known);
  if (says_more_than_beat(message)) hold(notice(sender, message, pid, threshold_ns, now_ns));
  if (message.trigger) {
    if (const auto failed = tracker_.record_failure(pid, sender.generation_ns)) {
      Stall event = stall(*failed, StallCause::Trigger, now_ns);
      event.comm = comm_of(failed->kernel_slot, failed->generation_ns);
      hold(event);
    }
  }
  return first ? first : take_held();
}

std::optional<Event> Observer::record(const Identity& sender, const Message& message,
                                      std::uint32_t pid, std::uint64_t now_ns) {
  const std::uint64_t nonce = message.stopping
                                  ? vlp::kTerminalNonce
                                  : tracker_.next_nonce(pid, sender.generation_ns, message.ready);
  const bool is_first = !tracker_.has(pid, sender.generation_ns);
  const vlp::Frame frame{.status = vlp::Status::Ok,
                         .pid = sender.own_tgid,
                         .nonce = is_first ? Tracker::kFirstNonce : nonce};
  const Arrival arrival{{}, sender, BeatOrigin::KernelAttested};
  return track(frame, pid, arrival, now_ns, /*is_notify=*/true);
}

// Its threshold from now on.
std::uint64_t Observer::watch(const Identity& sender, const Message& message, std::uint32_t pid,
                              bool is_new) {
  const std::uint64_t generation_ns = sender.generation_ns;
  const auto threshold_of = [&](std::uint64_t wanted_ns) {
    return round_up_threshold_ns(wanted_ns, notify_times_.least_ns, notify_times_.most_ns);
  };
  const bool was_watched = !is_new && tracker_.is_watched(pid, generation_ns);
  if (message.watchdog_ns) {
    const std::uint64_t own_ns = *message.watchdog_ns;
    tracker_.want_threshold(pid, generation_ns, own_ns != 0 ? threshold_of(own_ns) : 0);
  }
  const bool is_off = message.watchdog_ns && *message.watchdog_ns == 0;
  const bool is_watched =
      !is_off && (was_watched || message.watchdog || message.watchdog_ns.has_value());
  using enum Tracker::Watch;
  if (!is_watched) return tracker_.watch(pid, generation_ns, Unwatched);
  const bool is_ending = tracker_.last_nonce(pid, generation_ns) == vlp::kTerminalNonce;
  if (asks_for_time(message) || is_ending) {
    const std::uint64_t time_ns = message.extend_ns.value_or(kDefaultExtension_ns);
    return tracker_.watch(pid, generation_ns, Extended, threshold_of(time_ns));
  }
  if (begins(message)) return tracker_.watch(pid, generation_ns, Watched);
  return tracker_.threshold_ns(pid, generation_ns);
}

Notice Observer::notice(const Identity& sender, const Message& message, std::uint32_t pid,
                        std::uint64_t threshold_ns, std::uint64_t now_ns) {
  return Notice{
      .pid = pid,
      .pid_ns_inode = sender.pid_ns_inode,
      .observer_ns = since_start(now_ns),
      .ready = message.ready,
      .reloading = message.reloading,
      .stopping = message.stopping,
      .is_watched = tracker_.is_watched(pid, sender.generation_ns),
      .threshold_ns = threshold_ns,
      .error_number = message.error_number,
      .status = message.status,
      .generation_ns = sender.generation_ns,
      .cgroup_id = sender.cgroup_id,
      .uid = sender.uid,
      .comm = comm_of(sender.slot, sender.generation_ns),
  };
}

}  // namespace hb
