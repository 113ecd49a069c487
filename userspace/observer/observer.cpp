#include "observer/observer.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/units.hpp"

namespace hb {
namespace {

static_assert(vlp::kFrameBytes == HB_FRAME_BYTES);

// A silence or an exit that cannot be judged yet, because a source's horizon is behind (a frame
// still waits for its stamp), is checked again after this long, or at the source's wake_ns().
constexpr std::uint64_t kRetry_ns = kNsPerMs;

constexpr std::uint64_t kMoreExits = 0;  // for next_exit_ns_: some may be due

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::optional<std::uint64_t> known(std::uint32_t inode) {
  if (inode == 0) return std::nullopt;
  return inode;
}

// uid and generation are known together: both come from the stamp.
std::optional<std::uint32_t> uid_of(std::uint64_t generation_ns, std::uint32_t uid) {
  if (generation_ns == 0) return std::nullopt;
  return uid;
}

std::optional<std::uint32_t> pid_of(const Attestation& sender) {
  const auto* process = std::get_if<Identity>(&sender);
  if (process == nullptr || process->tgid == 0) return std::nullopt;
  return process->tgid;
}

FrameDrop drop_of(Tracker::Full::Bound bound) {
  switch (bound) {
    case Tracker::Full::Bound::Capacity: return FrameDrop::TrackerFull;
    case Tracker::Full::Bound::Owner: return FrameDrop::UidFull;
    case Tracker::Full::Bound::Network: return FrameDrop::NetworkFull;
  }
  return FrameDrop::TrackerFull;
}

bool is_first_or_changed(const Tracker::Outcome& outcome) {
  const auto* refreshed = std::get_if<Tracker::Refreshed>(&outcome);
  if (refreshed != nullptr) return refreshed->changed;
  return std::holds_alternative<Tracker::Inserted>(outcome) ||
         std::holds_alternative<Tracker::Restarted>(outcome) ||
         std::holds_alternative<Tracker::TakenOver>(outcome);
}

// One more whenever Counters or what is beside them change.
constexpr std::uint32_t kCountersVersion = 5;

}  // namespace

Observer::Observer(const Clock& clock, const Config& config)
    : clock_(clock),
      policy_(config.policy),
      notify_times_(config.notify_times),
      start_ns_(config.state != nullptr ? config.state->origin().start_ns : clock.now_ns()),
      feeds_(config.empty_pause_ns),
      tracker_(config.tracker_capacity, config.threshold_ns, config.seed, config.eviction,
               config.agents_per_owner, config.read_delay_ns, config.network_agents,
               config.precedence, config.state),
      clock_watch_(clock, config.threshold_ns),
      kept_(config.state != nullptr ? kept_in(*config.state) : own_kept_),
      counters_(kept_.counters) {
  if (config.state != nullptr) take_back(config.tell_again);
}

Observer::Kept& Observer::kept_in(const StateMemory& state) {
  return *reinterpret_cast<Kept*>(state.region(StateRegion::Counters).data());
}

StateMemory::Layout Observer::layout(const Config& config) {
  StateMemory::Layout layout;
  Tracker::add_to(layout, config.tracker_capacity);
  layout[StateRegion::Counters] = {.version = kCountersVersion, .bytes = sizeof(Kept)};
  return layout;
}

void Observer::take_back(bool tell_again) {
  // Of two clocks that are read one after the other, so the sum may be too small.
  constexpr std::uint64_t kSlack_ns = kNsPerSecond;
  const std::uint64_t now_ns = clock_.now_ns();
  taken_back_.agents = tracker_.take_back(
      {.now_ns = now_ns, .boot_ns = now_ns + clock_.suspended_ns() + kSlack_ns}, tell_again);
  taken_back_.has_counters = counters_.settle();
  if (!taken_back_.has_counters) counters_ = {};
  is_repeated_counted_ = counters_.beats != kept_.beats_before;
  notice_may_repeat_ = true;
  if (kept_.alive_ns == 0 || kept_.alive_ns > now_ns) return;
  taken_back_.away_ns = now_ns - kept_.alive_ns;
  clock_watch_.go_on_from(kept_.alive_ns);
}

void Observer::add(Source& source) {
  feeds_.add(source);
  is_idle_ = false;
}

void Observer::watch(ExitWatch& exits) {
  exits_ = &exits;
  is_idle_ = false;
}

bool Observer::set_threshold(std::uint32_t pid, std::uint64_t generation_ns,
                             std::uint64_t threshold_ns) {
  is_idle_ = false;
  return tracker_.set_threshold(pid, generation_ns, threshold_ns);
}

std::vector<Observer::Agent> Observer::known_agents() const {
  std::vector<Agent> all;
  all.reserve(tracker_.size());
  tracker_.for_each_agent([&](const Tracker::Stalled& agent, std::uint64_t /*threshold_ns*/) {
    all.push_back({agent.pid, agent.generation_ns, agent.cgroup_id,
                   uid_of(agent.generation_ns, agent.uid), agent.configured_ns,
                   comm_of(agent.kernel_slot, agent.generation_ns), agent.host});
  });
  return all;
}

std::optional<Event> Observer::poll() {
  if (auto held = take_held()) return held;
  for (std::size_t n = 0; n < kReceptionsPerPoll / Feeds::kAhead; ++n) {
    while (const Reception* reception = feeds_.next()) {
      if (auto event = handle(*reception, looked_ns_)) return event;
    }
    if (auto stall = look()) return stall;
    if (feeds_.ahead().empty()) break;
  }
  return std::nullopt;
}

// All that was read ahead has been handled: judges what is due, then reads more. `now` is taken
// first, so a source that is then found empty has been read up to `now`.
std::optional<Event> Observer::look() {
  const std::uint64_t now = clock_.now_ns();
  tracker_.note_told();
  check_clock(now);
  looked_ns_ = kept_.alive_ns = now;
  is_idle_ = false;
  clock_watch_.expect(now);
  if (auto stall = due_stall(now)) return stall;
  if (!std::exchange(all_empty_, false) || is_stall_due(now)) {
    const bool more = feeds_.read(now);
    if (!feeds_.ahead().empty()) {
      all_empty_ = !more;
      prefetch_slots();
      return std::nullopt;
    }
    if (auto stall = due_stall(now)) return stall;  // the sources have been read further meanwhile
  }
  is_idle_ = next_exit_ns_ != kMoreExits;
  if (is_idle_) clock_watch_.expect(silence_wake_ns());
  return std::nullopt;
}

// A due stall may be judged as soon as the sources have been read up to `now_ns`.
bool Observer::is_stall_due(std::uint64_t now_ns) const {
  return next_exit_ns_ <= now_ns || is_silence_due(now_ns);
}

// Also while a gap is open: the grace after it may end at once.
bool Observer::is_silence_due(std::uint64_t now_ns) const {
  return clock_watch_.is_gap_open() || tracker_.next_deadline_ns() <= now_ns;
}

void Observer::prefetch_slots() {
  std::array<std::uint32_t, Feeds::kAhead> pids;
  std::size_t count = 0;
  for (const Reception& reception : feeds_.ahead()) {
    const auto* arrival = std::get_if<Arrival>(&reception);
    const auto* sender =
        arrival != nullptr ? std::get_if<Identity>(&arrival->attestation) : nullptr;
    if (sender != nullptr) pids[count++] = sender->tgid;
  }
  tracker_.fetch({pids.data(), count});
}

// Suspend is checked for after every sleep, and before an agent is reported as silent.
void Observer::check_clock(std::uint64_t now_ns) {
  const std::uint64_t deadline = tracker_.next_deadline_ns();
  if (deadline == Tracker::kNever) clock_watch_.expect(ClockWatch::kNever);
  const bool thorough = is_idle_ || deadline <= now_ns;
  clock_watch_.set_threshold(tracker_.shortest_threshold_ns());
  const auto gap = clock_watch_.look(now_ns, thorough);
  if (!gap) return;
  ++counters_.clock_jumps;
  tracker_.begin_grace(*gap);
}

std::uint64_t Observer::wake_ns() const {
  if (!is_idle_) return looked_ns_;
  const std::uint64_t now = clock_.now_ns();
  return std::min({exit_wake_ns(), silence_wake_ns(), feeds_.wake_ns(now)});
}

std::uint64_t Observer::exit_wake_ns() const { return or_retry_ns(next_exit_ns_); }

std::uint64_t Observer::silence_wake_ns() const {
  const std::uint64_t deadline = tracker_.next_deadline_ns();
  if (deadline == Tracker::kNever) return Source::kNever;
  const std::uint64_t sleep_ns = clock_watch_.longest_sleep_ns(tracker_.grace_end_ns());
  return std::min(or_retry_ns(deadline), looked_ns_ + sleep_ns);
}

// What was due at the last look() and could not be judged waits for a source to be read further;
// returning "now" would busy-loop.
std::uint64_t Observer::or_retry_ns(std::uint64_t then_ns) const {
  return then_ns > looked_ns_ ? then_ns : looked_ns_ + kRetry_ns;
}

std::optional<Event> Observer::due_stall(std::uint64_t now_ns) {
  if (auto exit = due_exit(now_ns)) return exit;
  return due_silence(now_ns);
}

std::optional<Event> Observer::due_exit(std::uint64_t now_ns) {
  next_exit_ns_ = Source::kNever;
  if (exits_ == nullptr) return std::nullopt;
  const std::uint64_t read_up_to = feeds_.horizon_ns(now_ns);
  for (std::size_t n = 0; n < kExitsPerLook; ++n) {
    const ProcessExit* front = exits_->front();
    if (front == nullptr) return std::nullopt;
    next_exit_ns_ = front->at_ns + 1;  // its last beat may have the same time
    if (next_exit_ns_ > read_up_to) return std::nullopt;
    const ProcessExit exit = *front;
    exits_->take();
    ++counters_.exits;
    if (const auto dead = tracker_.record_exit(exit.pid, exit.generation_ns)) {
      Stall event = stall(*dead, StallCause::Exited, now_ns);
      event.exit = exit.status;
      event.comm = exit.comm;
      return event;
    }
    ++counters_.exits_untracked;
    next_exit_ns_ = Source::kNever;
  }
  next_exit_ns_ = kMoreExits;
  return std::nullopt;
}

std::optional<Event> Observer::due_silence(std::uint64_t now_ns) {
  if (!is_silence_due(now_ns)) return std::nullopt;
  const std::uint64_t read_up_to = feeds_.horizon_ns(now_ns);
  judge_gap(read_up_to);
  const auto silent = tracker_.expire(
      read_up_to, [&](const Tracker::Due& agent) { return is_silent(agent, read_up_to); });
  if (!silent) return std::nullopt;
  if (!silent->is_watched) return unnoticed_exit(*silent, now_ns);
  Stall event = stall(*silent, StallCause::Silence, now_ns);
  event.comm = comm_of(silent->kernel_slot, silent->generation_ns);
  return event;
}

// The process is not there any more, and its exit was lost, or exits are not traced.
std::optional<Event> Observer::unnoticed_exit(const Tracker::Stalled& gone, std::uint64_t now_ns) {
  const auto dead = tracker_.record_exit(gone.pid, gone.generation_ns);
  return stall(dead.value_or(gone), StallCause::Exited, now_ns);
}

// The grace after a gap ends if what agents sent in it shows that only the observer did not run.
void Observer::judge_gap(std::uint64_t read_up_to_ns) {
  const auto interval_ns = clock_watch_.read_up_to(read_up_to_ns);
  if (interval_ns) tracker_.agents_sent_every(*interval_ns);
}

// Whether agents can reach the observer is asked last: it costs a system call.
bool Observer::is_silent(const Tracker::Due& agent, std::uint64_t read_up_to_ns) {
  if (!agent.is_watched) return is_gone(agent);
  if (is_unheard(agent, read_up_to_ns)) return false;
  if (reach_ == nullptr || reach_->is_reachable(looked_ns_)) return true;
  ++counters_.unheard[Unheard::Unreachable];
  return false;
}

// It attempted to send, and no frame came. One sent after `read_up_to_ns` may still come: then it
// is not counted.
bool Observer::is_unheard(const Tracker::Due& agent, std::uint64_t read_up_to_ns) {
  if (attempts_ == nullptr || agent.generation_ns == 0) return false;
  const auto last = attempts_->last_attempt(agent.kernel_slot, agent.generation_ns);
  if (!last) return is_exit_pending(agent);
  if (last->at_ns <= agent.heard_ns) return false;
  if (last->at_ns > read_up_to_ns) return true;
  if (read_up_to_ns - last->at_ns >= agent.threshold_ns) return false;
  ++counters_.unheard[last->reason];
  return true;
}

// Of an agent whose silence means nothing. The kernel's table has every process that has sent until
// it exits.
bool Observer::is_gone(const Tracker::Due& agent) const {
  if (attempts_ == nullptr) return false;
  return !attempts_->last_attempt(agent.kernel_slot, agent.generation_ns) &&
         !is_exit_pending(agent);
}

// Only a process that has ended is not known any more. If its exit was read from the kernel but is
// not due yet, it is reported as that, and how lately the process attempted is not known.
bool Observer::is_exit_pending(const Tracker::Due& agent) const {
  return exits_ != nullptr && exits_->find(agent.pid, agent.generation_ns).has_value();
}

void Observer::was_unreachable(std::uint64_t began_ns, std::uint64_t ended_ns) {
  tracker_.begin_grace(clock_watch_.unreachable(began_ns, ended_ns));
  is_idle_ = false;
}

Comm Observer::comm_of(std::uint32_t kernel_slot, std::uint64_t generation_ns) const {
  if (attempts_ == nullptr || generation_ns == 0) return {};
  return attempts_->comm(kernel_slot, generation_ns);
}

// A frame that was received and refused does not make its sender unheard.
void Observer::note_refused(const Attestation& sender) {
  const auto* process = std::get_if<Identity>(&sender);
  if (process == nullptr || process->generation_ns == 0) return;
  tracker_.note_refused(process->tgid, process->generation_ns, process->sent_ns);
}

Stall Observer::stall(const Tracker::Stalled& stalled, StallCause cause, std::uint64_t now_ns) {
  ++counters_.stalls;
  return Stall{
      .pid = stalled.pid,
      .last_nonce = stalled.last_nonce,
      .last_ns = since_start(stalled.last_ns),
      .origin = stalled.origin,
      .pid_ns_inode = known(stalled.ns_inode),
      .observer_ns = since_start(now_ns),
      .cause = cause,
      .claimed_pid = stalled.own_pid,
      .generation_ns = stalled.generation_ns,
      .cgroup_id = stalled.cgroup_id,
      .exit = {},
      .uid = uid_of(stalled.generation_ns, stalled.uid),
      .status = stalled.status,
      .payload = stalled.payload,
      .kernel_slot = stalled.kernel_slot,
      .comm = {},
      .host = stalled.host,
      .threshold_ns = stalled.threshold_ns,
      .may_be_repeated = stalled.may_be_repeated,
      .is_notify = stalled.is_notify,
  };
}

void Observer::hold(std::optional<Event> event) {
  if (!event) return;
  held_[(held_first_ + held_count_) % held_.size()] = std::move(event);
  ++held_count_;
}

std::optional<Event> Observer::take_held() {
  if (held_count_ == 0) return std::nullopt;
  auto& first = held_[held_first_];
  held_first_ = (held_first_ + 1) % held_.size();
  --held_count_;
  return std::exchange(first, std::nullopt);
}

std::optional<Event> Observer::handle(const Reception& reception, std::uint64_t now_ns) {
  ++counters_.receptions;
  return std::visit([&](const auto& what) { return handle(what, now_ns); }, reception);
}

std::optional<Event> Observer::handle(const Dropped& dropped, std::uint64_t /*now_ns*/) {
  ++counters_.frames_dropped[dropped.reason];
  return std::nullopt;
}

std::optional<Event> Observer::handle(const ReceiveFailed& failed, std::uint64_t now_ns) {
  ++counters_.io_errors;
  return Io{failed.error, since_start(now_ns)};
}

std::optional<Event> Observer::handle(const AncillaryTruncated& truncated, std::uint64_t now_ns) {
  counters_.receptions += truncated.datagrams - 1;
  counters_.ctrl_truncated += truncated.datagrams;
  return CtrlTruncated{Error{"Message too long", EMSGSIZE}, since_start(now_ns),
                       truncated.datagrams};
}

std::optional<Event> Observer::handle(const Arrival& arrival, std::uint64_t now_ns) {
  const bool may_be_init = may_claim_init(arrival.attestation, policy_);
  const auto decoded = vlp::decode(arrival.bytes, may_be_init ? vlp::kInitPid : vlp::kLowestPid);
  if (const auto* error = std::get_if<vlp::DecodeError>(&decoded)) {
    ++counters_.decode_errors[*error];
    note_refused(arrival.attestation);
    return Decode{*error, since_start(now_ns), pid_of(arrival.attestation)};
  }
  const auto& frame = std::get<vlp::Frame>(decoded);
  return std::visit(
      Overloaded{
          [&](const Accepted& accepted) { return track(frame, accepted.pid, arrival, now_ns); },
          [&](const Forged& forged) { return refuse(frame.pid, forged, now_ns); },
          [&](const ForeignNamespace& foreign) { return refuse(frame.pid, foreign, now_ns); },
      },
      verdict(frame.pid, arrival.attestation, policy_));
}

std::optional<Event> Observer::refuse(std::uint32_t claimed_pid, const Forged& forged,
                                      std::uint64_t now_ns) {
  ++counters_.auth_failures[forged.cause];
  return AuthFailure{
      .claimed_pid = claimed_pid,
      .observer_ns = since_start(now_ns),
      .cause = forged.cause,
      .attested_pid = forged.attested_pid,
  };
}

std::optional<Event> Observer::refuse(std::uint32_t claimed_pid, const ForeignNamespace& foreign,
                                      std::uint64_t now_ns) {
  ++counters_.namespace_conflicts;
  return NamespaceConflict{
      .claimed_pid = claimed_pid,
      .observed_ns_inode = known(foreign.ns_inode),
      .observer_ns_inode = known(policy_.observer_ns_inode),
      .observer_ns = since_start(now_ns),
      .attested_pid = foreign.attested_pid,
  };
}

std::optional<Event> Observer::track(const vlp::Frame& frame, std::uint32_t pid,
                                     const Arrival& arrival, std::uint64_t now_ns, bool is_notify) {
  const auto* attested = std::get_if<Identity>(&arrival.attestation);
  const auto* claim = std::get_if<ClaimOnly>(&arrival.attestation);
  const Identity sender = attested != nullptr ? *attested : Identity{};  // all fields "not known"
  if (sender.sent_ns != 0) clock_watch_.note_sent(sender.sent_ns);
  const TrackedBeat tracked{
      .pid = pid,
      .ns_inode = sender.pid_ns_inode,
      .generation_ns = sender.generation_ns,
      .nonce = frame.nonce,
      .status = frame.status,
      .payload = frame.payload,
      .origin = arrival.origin,
      .own_pid = sender.own_tgid != 0 ? sender.own_tgid : frame.pid,
      .cgroup_id = sender.cgroup_id,
      .sent_ns = sender.sent_ns,
      .uid = sender.uid,
      .kernel_slot = sender.slot,
      .owner = sender.owner,
      .is_notify = is_notify,
      .claim = claim,
  };
  Beat beat{
      .pid = pid,
      .status = frame.status,
      .payload = frame.payload,
      .nonce = frame.nonce,
      .origin = arrival.origin,
      .pid_ns_inode = known(sender.pid_ns_inode),
      .observer_ns = since_start(now_ns),
      .claimed_pid = frame.pid,
      .first_or_changed = true,
      .generation_ns = sender.generation_ns,
      .sent_ns = sender.sent_ns,
      .uid = uid_of(sender.generation_ns, sender.uid),
      .is_first = true,
      .cgroup_id = sender.cgroup_id,
      .comm = {},
      .host = claim != nullptr ? claim->host : kThisHost,
      .is_notify = is_notify,
  };
  if (tracker_.repeat(tracked, now_ns, is_repeated_counted_)) {
    count_repeated();
    beat.may_be_repeated = true;
    beat.is_first = false;
    if (is_notify) beat.nonce = tracker_.last_nonce(pid, sender.generation_ns);
    beat.comm = comm_of(sender.slot, sender.generation_ns);
    return beat;
  }
  if (sender.generation_ns != 0) kept_.beats_before = counters_.beats;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const Tracker::Outcome outcome = tracker_.record(tracked, now_ns);
  if (is_first_or_changed(outcome)) beat.comm = comm_of(sender.slot, sender.generation_ns);
  return std::visit([&](const auto& what) { return event_for(what, beat); }, outcome);
}

// The predecessor has recorded it, and may have been killed before it counted it, or told it.
void Observer::count_repeated() {
  if (is_repeated_counted_) {
    --counters_.receptions;  // which handle() has counted
  } else {
    ++counters_.beats;
  }
}

std::optional<Event> Observer::event_for(const Tracker::Inserted& outcome, const Beat& beat) {
  ++counters_.beats;
  if (outcome.evicted) ++counters_.tracker_evicted;
  return beat;
}

// The kernel reuses a pid only after its process has ended. So the exit of the former process is
// reported first, even if its record was not read yet, was lost, or exits are not traced.
std::optional<Event> Observer::event_for(const Tracker::Restarted& outcome, const Beat& beat) {
  ++counters_.beats;
  ++counters_.pid_recycled;
  if (!outcome.ended) return beat;
  Stall end = stall(*outcome.ended, StallCause::Exited, start_ns_ + beat.observer_ns);
  // Where exits are not traced, the kernel's table still has it.
  end.comm = comm_of(outcome.ended->kernel_slot, outcome.ended->generation_ns);
  if (exits_ != nullptr) {
    const auto exit = exits_->find(outcome.ended->pid, outcome.ended->generation_ns);
    if (exit) {
      end.exit = exit->status;
      end.comm = exit->comm;
    }
  }
  hold(beat);
  return end;
}

std::optional<Event> Observer::event_for(const Tracker::Refreshed& outcome, Beat beat) {
  ++counters_.beats;
  if (outcome.new_session) ++counters_.sessions_restarted;
  beat.first_or_changed = outcome.changed;
  beat.is_first = false;
  return beat;
}

std::optional<Event> Observer::event_for(const Tracker::OutOfOrder& /*outcome*/,
                                         const Beat& /*beat*/) {
  ++counters_.out_of_order;
  return std::nullopt;
}

std::optional<Event> Observer::event_for(const Tracker::Full& outcome, const Beat& /*beat*/) {
  ++counters_.frames_dropped[drop_of(outcome.bound)];
  return std::nullopt;
}

std::optional<Event> Observer::event_for(const Tracker::OriginConflict& outcome, const Beat& beat) {
  ++counters_.origin_conflicts;
  return OriginConflict{
      .claimed_pid = beat.claimed_pid,
      .observed_origin = beat.origin,
      .slot_origin = outcome.slot_origin,
      .observer_ns = beat.observer_ns,
      .host = beat.host,
  };
}

std::optional<Event> Observer::event_for(const Tracker::TakenOver& outcome, const Beat& beat) {
  ++counters_.beats;
  ++counters_.origin_takeovers;
  hold(beat);
  return OriginConflict{
      .claimed_pid = beat.claimed_pid,
      .observed_origin = outcome.from,
      .slot_origin = beat.origin,
      .observer_ns = beat.observer_ns,
      .host = beat.host,
      .taken_over = true,
  };
}

std::optional<Event> Observer::event_for(const Tracker::NamespaceConflict& /*outcome*/,
                                         const Beat& beat) {
  ++counters_.namespace_conflicts;
  return NamespaceConflict{
      .claimed_pid = beat.claimed_pid,
      .observed_ns_inode = beat.pid_ns_inode,
      .observer_ns_inode = known(policy_.observer_ns_inode),
      .observer_ns = beat.observer_ns,
      .attested_pid = beat.pid,
  };
}

}  // namespace hb
