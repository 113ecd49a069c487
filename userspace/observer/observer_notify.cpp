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
// An agent that says WATCHDOG=1 first, and is older than the observer, may have told a predecessor
// of its threshold. It has 90 s for each of its next beats, and from the fifth on three times the
// longest interval between them.
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

// Who beats does so at least twice in its WATCHDOG_USEC, as sd_watchdog_enabled(3) recommends. One
// interval alone may have been a short one.
constexpr std::uint64_t kLearnedIntervals = 3;
constexpr std::uint64_t kBeatsToLearn = 5;

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
  const bool may_be_repeated = std::exchange(notice_may_repeat_, false);
  const std::uint32_t claim = claim_of(what.sender);
  const Verdict judged = verdict(claim, what.sender, policy_);
  if (const auto* accepted = std::get_if<Accepted>(&judged)) {
    const auto& sender = std::get<Identity>(what.sender);
    const bool is_repeated =
        may_be_repeated &&
        tracker_.has_refused(accepted->pid, sender.generation_ns, sender.sent_ns);
    return heed({sender, what.message, accepted->pid, what.names_other, is_repeated}, now_ns);
  }
  count_lines(what.message, what.names_other);
  if (const auto* forged = std::get_if<Forged>(&judged)) return refuse(claim, *forged, now_ns);
  return refuse(claim, std::get<ForeignNamespace>(judged), now_ns);
}

void Observer::count_lines(const Message& message, bool names_other) {
  for (const Assignment kind : kEnumValues<Assignment>) {
    counters_.notify_lines[kind] += message.count(kind);
  }
  if (names_other) ++counters_.notify_credentials_ignored;
}

std::optional<Event> Observer::heed(const Heeded& what, std::uint64_t now_ns) {
  const std::uint64_t generation_ns = what.sender.generation_ns;
  const auto before = tracker_.watch_of(what.pid, generation_ns);
  const std::uint64_t heard_ns = tracker_.sent_ns(what.pid, generation_ns);
  const bool is_beat = begins(what.message) || (before && asks_for_time(what.message));
  std::optional<Event> first = is_beat ? record(what, now_ns) : std::nullopt;
  const auto* beat = first ? std::get_if<Beat>(&*first) : nullptr;
  const bool is_repeated = is_beat ? beat != nullptr && beat->may_be_repeated : what.is_repeated;
  if (!is_beat) note_no_beat(what);
  if (!is_repeated) count_lines(what.message, what.names_other);
  if (!tracker_.has(what.pid, generation_ns)) return first;
  watch(what, before, heard_ns);
  if (says_more_than_beat(what.message)) hold(notice(what, is_repeated, now_ns));
  if (what.message.trigger) hold(failure(what, now_ns));
  return first ? first : take_held();
}

// A message that the predecessor had in hand has been counted.
void Observer::note_no_beat(const Heeded& what) {
  if (what.is_repeated) {
    --counters_.receptions;
  } else {
    ++counters_.notices;
  }
  tracker_.note_refused(what.pid, what.sender.generation_ns, what.sender.sent_ns);
}

std::optional<Event> Observer::failure(const Heeded& what, std::uint64_t now_ns) {
  const auto failed = tracker_.record_failure(what.pid, what.sender.generation_ns);
  if (!failed) return std::nullopt;
  Stall event = stall(*failed, StallCause::Trigger, now_ns);
  event.comm = comm_of(failed->kernel_slot, failed->generation_ns);
  return event;
}

std::optional<Event> Observer::record(const Heeded& what, std::uint64_t now_ns) {
  const Identity& sender = what.sender;
  const bool is_first = !tracker_.has(what.pid, sender.generation_ns);
  std::uint64_t nonce = tracker_.next_nonce(what.pid, sender.generation_ns, what.message.ready);
  if (what.message.stopping && !is_first) nonce = vlp::kTerminalNonce;
  const vlp::Frame frame{.status = vlp::Status::Ok, .pid = sender.own_tgid, .nonce = nonce};
  const Arrival arrival{{}, sender, BeatOrigin::KernelAttested};
  return track(frame, what.pid, arrival, now_ns, /*is_notify=*/true);
}

// How its silence is judged from now on. `before`: how it was; nullopt: it is new. `heard_ns`: when
// its last beat was sent.
void Observer::watch(const Heeded& what, std::optional<Tracker::Watch> before,
                     std::uint64_t heard_ns) {
  using enum AgentTable::Watch;
  const Message& message = what.message;
  const std::uint64_t generation_ns = what.sender.generation_ns;
  const auto rounded = [&](std::uint64_t ns) { return round_up_threshold_ns(ns, notify_times_); };
  const auto set = [&](Tracker::Watch watch, std::uint64_t time_ns = 0) {
    tracker_.watch(what.pid, generation_ns, watch, time_ns);
  };
  if (message.watchdog_ns) {
    const std::uint64_t own_ns = *message.watchdog_ns;
    tracker_.want_threshold(what.pid, generation_ns, own_ns != 0 ? rounded(own_ns) : 0);
    if (own_ns == 0) return set(Unwatched);
  } else if (before == Learning && message.watchdog &&
             !tracker_.is_configured(what.pid, generation_ns)) {
    const std::uint64_t interval_ns = what.sender.sent_ns - std::min(heard_ns, what.sender.sent_ns);
    tracker_.want_threshold(what.pid, generation_ns,
                            std::max(tracker_.wanted_threshold_ns(what.pid, generation_ns),
                                     rounded(interval_ns * kLearnedIntervals)));
    if (tracker_.last_nonce(what.pid, generation_ns) < kBeatsToLearn) {
      return set(Learning, rounded(kDefaultExtension_ns));
    }
  }
  const bool was_watched = before && before != Unwatched;
  if (!was_watched && !message.watchdog && !message.watchdog_ns) return set(Unwatched);
  const std::uint64_t time_ns = rounded(message.extend_ns.value_or(kDefaultExtension_ns));
  if (asks_for_time(message)) return set(Extended, time_ns);
  if (!begins(message)) return;
  const bool is_ending = tracker_.last_nonce(what.pid, generation_ns) == vlp::kTerminalNonce;
  if (is_ending) return;
  const bool may_have_said_more = !was_watched && is_older(what.sender) && !message.ready;
  set(may_have_said_more && !message.watchdog_ns ? Learning : Watched, time_ns);
}

// It has perhaps told a predecessor of what it does not say again: WATCHDOG_USEC=.
bool Observer::is_older(const Identity& sender) const {
  const std::uint64_t boot_to_now_ns = looked_ns_ + clock_.suspended_ns();
  const std::uint64_t age_ns =
      boot_to_now_ns > sender.generation_ns ? boot_to_now_ns - sender.generation_ns : 0;
  return age_ns > since_start(looked_ns_);
}

Notice Observer::notice(const Heeded& what, bool may_be_repeated, std::uint64_t now_ns) {
  const Identity& sender = what.sender;
  const auto watch = tracker_.watch_of(what.pid, sender.generation_ns);
  return Notice{
      .pid = what.pid,
      .pid_ns_inode = sender.pid_ns_inode,
      .observer_ns = since_start(now_ns),
      .ready = what.message.ready,
      .reloading = what.message.reloading,
      .stopping = what.message.stopping,
      .is_watched = watch != Tracker::Watch::Unwatched,
      .threshold_ns = tracker_.threshold_ns(what.pid, sender.generation_ns),
      .error_number = what.message.error_number,
      .status = what.message.status,
      .generation_ns = sender.generation_ns,
      .cgroup_id = sender.cgroup_id,
      .uid = sender.uid,
      .comm = comm_of(sender.slot, sender.generation_ns),
      .may_be_repeated = may_be_repeated,
  };
}

}  // namespace hb
