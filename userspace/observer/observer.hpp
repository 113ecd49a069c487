// Observer: frames in, one Event at a time out.
//
// A frame goes through decode(), verdict() and the Tracker, and becomes a Beat. Each step may end
// with another event instead, or with a count alone. Which agents are silent is judged only up to
// the instant before which every source has been read, so a beat that still waits in a socket
// prevents a stall.
//
//   Observer observer(clock, config);
//   observer.add(source);
//   while (...) {
//     wait for a descriptor of the sources, or until observer.wake_ns();
//     while (auto event = observer.poll()) report(*event);
//   }
//
// Likewise an exit is reported, as a Stall with its own cause, only when what the process sent
// before has been read. It is reported also for an agent that had already stalled by silence.
//
// A stall that is due is returned before anything that is read after it became due, and an exit
// before a silence. Sources take turns, one reception a turn, and are read a few receptions ahead
// (Feeds). poll() does not block, handles at most kReceptionsPerPoll receptions and kExitsPerLook
// exits for each reading of the clock, and returns at the first event, so the caller can handle
// signals in any flood. The caller may stop before poll() returns empty; wake_ns() is then in the
// past. Nothing is allocated for a frame.
//
// With an AttemptWatch, an agent that attempted to send within its threshold, but of which nothing
// was received, is unheard: counted with the reason, and not reported as silent. Processes then
// have their names in stalls, and in beats that are first or changed.
//
// With a Reach, no agent is reported as silent while agents cannot reach the observer, nor for one
// threshold afterwards.
//
// When the observer itself did not run for a while (ClockWatch), no agent stalls by silence for one
// more threshold, which is its own: an agent with a long one may not have been due to beat earlier,
// and one with a short one is not made to wait for the others (Grace). What is noticed follows from
// the shortest threshold in use. Exits are reported as always.
//
// Owns the tracker and the counters; borrows clock, sources and watches, which must outlive it. One
// thread. Nothing here fails: a source's failure is an Io event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.hpp"
#include "identity/verdict.hpp"
#include "observer/attempt_watch.hpp"
#include "observer/clock.hpp"
#include "observer/clock_watch.hpp"
#include "observer/counters.hpp"
#include "observer/event.hpp"
#include "observer/exit_watch.hpp"
#include "observer/feeds.hpp"
#include "observer/notify_time.hpp"
#include "observer/reach.hpp"
#include "observer/source.hpp"
#include "observer/tracker.hpp"

namespace hb {

class Observer {
 public:
  static constexpr std::size_t kReceptionsPerPoll = 256;
  static constexpr std::size_t kExitsPerLook = 256;

  struct Config {
    std::uint64_t threshold_ns = 2 * kNsPerSecond;  // silence before a stall; the default
    std::size_t tracker_capacity = 4096;
    Eviction eviction = Eviction::Strict;
    std::size_t agents_per_owner = 0;  // see Tracker; 0: any number
    std::size_t network_agents = 0;    // likewise
    OriginPrecedence precedence = OriginPrecedence::First;
    std::uint64_t empty_pause_ns = 50'000;  // of a source, see Feeds
    std::uint64_t read_delay_ns = 0;        // how long a source may leave frames unread
    NotifyTimes notify_times{};
    Policy policy;
    std::uint64_t seed = random_seed();  // of the tracker's index
    const StateMemory* state = nullptr;  // borrowed; holds what a successor goes on with
    bool tell_again = false;  // of a predecessor's agents, those that it has reported as silent
  };

  // What a StateMemory must have for an observer with this configuration.
  [[nodiscard]] static StateMemory::Layout layout(const Config& config);

  // What was taken back of a predecessor's.
  struct TakenBack {
    Tracker::TakenBack agents;
    bool has_counters = false;  // false: they begin at 0
    std::uint64_t away_ns = 0;  // how long nobody observed
  };

  // The observer's time, in the events' *_ns, starts here; with a state, at its Origin::start_ns.
  // A new state is empty, and one that a predecessor has left is taken back.
  Observer(const Clock& clock, const Config& config);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer() = default;

  void add(Source& source);
  // At most one. Without it only silence is detected.
  void watch(ExitWatch& exits);
  // At most one. Without it every agent of which no frame comes is silent.
  void watch(const AttemptWatch& attempts) { attempts_ = &attempts; }
  // At most one. Without it agents are taken to reach the observer always.
  void watch(Reach& reach) { reach_ = &reach; }

  // Agents can reach the observer: it was checked just now.
  void note_reached() { clock_watch_.note_reached(); }
  // Agents could not reach the observer from `began_ns` to `ended_ns`, and can again: no agent is
  // reported as silent before one more of its thresholds has passed (Grace).
  void was_unreachable(std::uint64_t began_ns, std::uint64_t ended_ns);
  [[nodiscard]] std::uint64_t shortest_threshold_ns() const {
    return tracker_.shortest_threshold_ns();
  }

  // See Tracker::set_threshold(). Then call poll(): the agent may be due.
  bool set_threshold(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t threshold_ns);

  // Who an agent is that is not dead.
  struct Agent {
    std::uint32_t pid;
    std::uint64_t generation_ns;  // 0: not known
    std::uint64_t cgroup_id;
    std::optional<std::uint32_t> uid;
    std::uint64_t threshold_ns;  // of the configuration
    Comm comm;                   // now
    HostAddress host;            // whose pid it is
  };
  // All of them. Allocates, and takes time for each: for what happens seldom.
  [[nodiscard]] std::vector<Agent> known_agents() const;

  // The same in steps: see Tracker::for_some_agents().
  template <typename F>
  std::uint32_t for_some_agents(std::uint32_t first, std::size_t most, F&& f) const {
    return tracker_.for_some_agents(first, most, f);
  }
  // The name that the process in this slot of the kernel's table has now; empty: not known.
  [[nodiscard]] Comm comm_of(std::uint32_t kernel_slot, std::uint64_t generation_ns) const;

  // Empty: nothing to report now. Then see wake_ns().
  std::optional<Event> poll();

  // When poll() must be called even if no source's descriptor becomes readable, in the clock's
  // time; an instant in the past means now. Source::kNever: only when one is readable.
  [[nodiscard]] std::uint64_t wake_ns() const;

  // Set if the observer itself did not run for a while since the last call; for the log.
  std::optional<ClockJump> take_clock_jump() { return clock_watch_.take_jump(); }

  // When the observer's time starts, on the clock's.
  [[nodiscard]] std::uint64_t start_ns() const { return start_ns_; }
  [[nodiscard]] std::uint64_t since_start(std::uint64_t now_ns) const { return now_ns - start_ns_; }

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const TakenBack& taken_back() const { return taken_back_; }
  [[nodiscard]] std::size_t agents() const { return tracker_.size(); }

 private:
  void take_back(bool tell_again);
  std::optional<Event> look();
  [[nodiscard]] bool is_stall_due(std::uint64_t now_ns) const;
  [[nodiscard]] bool is_silence_due(std::uint64_t now_ns) const;
  void prefetch_slots();
  void check_clock(std::uint64_t now_ns);

  std::optional<Event> due_stall(std::uint64_t now_ns);
  std::optional<Event> due_exit(std::uint64_t now_ns);
  std::optional<Event> due_silence(std::uint64_t now_ns);
  void judge_gap(std::uint64_t read_up_to_ns);
  bool is_silent(const Tracker::Due& agent, std::uint64_t read_up_to_ns);
  bool is_unheard(const Tracker::Due& agent, std::uint64_t read_up_to_ns);
  [[nodiscard]] bool is_exit_pending(const Tracker::Due& agent) const;
  [[nodiscard]] bool is_gone(const Tracker::Due& agent) const;
  std::optional<Event> unnoticed_exit(const Tracker::Stalled& gone, std::uint64_t now_ns);
  void note_refused(const Attestation& sender);
  Stall stall(const Tracker::Stalled& stalled, StallCause cause, std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t exit_wake_ns() const;
  [[nodiscard]] std::uint64_t silence_wake_ns() const;
  [[nodiscard]] std::uint64_t or_retry_ns(std::uint64_t then_ns) const;

  // Handles one reception. Empty where it is only counted.
  std::optional<Event> handle(const Reception& reception, std::uint64_t now_ns);
  std::optional<Event> handle(const Arrival& arrival, std::uint64_t now_ns);
  std::optional<Event> handle(const Dropped& dropped, std::uint64_t now_ns);
  std::optional<Event> handle(const ReceiveFailed& failed, std::uint64_t now_ns);
  std::optional<Event> handle(const AncillaryTruncated& what, std::uint64_t now_ns);
  std::optional<Event> handle(const Notification& what, std::uint64_t now_ns);
  std::optional<Event> refuse(std::uint32_t claimed_pid, const Forged& forged,
                              std::uint64_t now_ns);
  std::optional<Event> refuse(std::uint32_t claimed_pid, const ForeignNamespace& foreign,
                              std::uint64_t now_ns);
  std::optional<Event> track(const vlp::Frame& frame, std::uint32_t pid, const Arrival& arrival,
                             std::uint64_t now_ns, bool is_notify = false);

  // Of the notify protocol: see observer_notify.cpp.
  struct Heeded {
    const Identity& sender;
    const notify::Message& message;
    std::uint32_t pid;  // in the observer's namespace
    bool names_other;
    bool is_repeated;  // if it is no beat: a predecessor has counted it
  };
  std::optional<Event> heed(const Heeded& what, std::uint64_t now_ns);
  void count_lines(const notify::Message& message, bool names_other);
  void note_no_beat(const Heeded& what);
  std::optional<Event> record(const Heeded& what, std::uint64_t now_ns);
  std::optional<Event> failure(const Heeded& what, std::uint64_t now_ns);
  void watch(const Heeded& what, std::optional<Tracker::Watch> before, std::uint64_t heard_ns);
  [[nodiscard]] bool is_older(const Identity& sender) const;
  [[nodiscard]] Notice notice(const Heeded& what, bool may_be_repeated, std::uint64_t now_ns);

  void hold(std::optional<Event> event);
  std::optional<Event> take_held();

  // The event for the tracker's outcome of a beat.
  std::optional<Event> event_for(const Tracker::Inserted& outcome, const Beat& beat);
  std::optional<Event> event_for(const Tracker::Refreshed& outcome, Beat beat);
  std::optional<Event> event_for(const Tracker::Restarted& outcome, const Beat& beat);
  std::optional<Event> event_for(const Tracker::OutOfOrder& outcome, const Beat& beat);
  void count_repeated();
  std::optional<Event> event_for(const Tracker::OriginConflict& outcome, const Beat& beat);
  std::optional<Event> event_for(const Tracker::NamespaceConflict& outcome, const Beat& beat);
  std::optional<Event> event_for(const Tracker::TakenOver& outcome, const Beat& beat);
  std::optional<Event> event_for(const Tracker::Full& outcome, const Beat& beat);

  // Constant once polling begins.
  const Clock& clock_;
  const Policy policy_;
  const NotifyTimes notify_times_;
  const std::uint64_t start_ns_;
  ExitWatch* exits_ = nullptr;
  const AttemptWatch* attempts_ = nullptr;
  Reach* reach_ = nullptr;

  Feeds feeds_;

  Tracker tracker_;
  ClockWatch clock_watch_;
  // What is kept, beside the tracker's.
  struct Kept {
    Counters counters;
    std::uint64_t alive_ns = 0;      // the latest look(); 0: there was none
    std::uint64_t beats_before = 0;  // Counters::beats before the latest attested one
  };
  static Kept& kept_in(const StateMemory& state);
  Kept own_kept_;  // without a state
  Kept& kept_;
  Counters& counters_;
  TakenBack taken_back_;
  bool notice_may_repeat_ = false;    // taken back, and no notify message since
  bool is_repeated_counted_ = false;  // the beat that the predecessor had in hand
  // Returned by the next poll(), as another event had to come first. One message can have at most
  // four: the end of the pid's former process, a beat, a notice, a stall.
  std::array<std::optional<Event>, 4> held_;
  std::size_t held_first_ = 0;
  std::size_t held_count_ = 0;
  std::uint64_t looked_ns_ = 0;  // when look() last read the clock
  bool all_empty_ = false;       // the sources were empty after what it read ahead
  bool is_idle_ = false;         // all of that has been handled, and no stall is due
  // Of the next exit that is not reported yet; kNever: there is none, 0: more may be due.
  std::uint64_t next_exit_ns_ = 0;
};

}  // namespace hb
