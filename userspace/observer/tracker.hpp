// Tracker: which agents there are, when each sent its last beat, which are silent and which are
// dead.
//
// One slot per agent (AgentId): for each pid of the observer's PID namespace, and for each pid of
// another host. A beat of another host never meets a process of this one. The first beat sets the
// slot's origin, PID namespace and generation. Later beats are compared with these:
//
//   origin       another than the slot's: OriginConflict, whatever else the beat says. So a claim
//                from the network cannot change what the kernel has attested. But a beat that the
//                kernel attests takes over a slot that it does not attest (TakenOver): one whose
//                agent has stalled, or with OriginPrecedence::Strongest any.
//   generation   another process has the pid now. A younger one takes the slot over (Restarted). An
//                older one has ended, since the pid was reused: OutOfOrder. So are all other beats
//                of a process that is known to have ended.
//   namespace    another one with the same generation: NamespaceConflict, dropped, since a process
//                never changes its PID namespace.
//   nonce        strictly increasing, but may wrap from the top kWrapWindow to the bottom one; else
//                OutOfOrder. The terminal nonce is always accepted, also twice in a row. It does
//                not change the highest nonce, and in a slot that began with a terminal beat any
//                regular nonce may come next.
//   session      an exec keeps pid and generation, but the new program counts from kFirstNonce
//                again. Such a beat begins a new session if the kernel attests that the same
//                process sent it, and after all beats accepted so far (sent_ns): then it is neither
//                replayed by another process nor reordered. (A process can replay its own first
//                beat, but only while it is alive.) If the sender's generation is not known (the
//                network), a restart looks like a replay, and begins a session only once the agent
//                has stalled.
//
// An unknown generation or namespace (0) in a beat matches any, and one in the slot is set by the
// next accepted beat. A beat that is not accepted changes nothing; in particular it does not delay
// a stall.
//
// An agent begins with the default threshold and may be given one of its own. Agents with the same
// threshold in the order of their last beat are also in the order of their deadline, so there is a
// list for each of the at most Thresholds::kMost different ones: record(), expire() and
// record_exit() are O(1), whatever the number of agents, and no agents are scanned. A beat counts
// from when it was sent, but at most from `read_delay_ns` before it was recorded. (One that was
// sent earlier waited for room in the queue, which is not its sender's silence.) It is sorted among
// the kOutOfOrder newest agents with its threshold; if it belongs further back, its stall may be
// late, never early.
//
// Capacity is fixed. When all slots are taken, a new agent gets the slot of the agent that has been
// dead longest; else of the one that has been silent longest, of those that the Eviction policy
// allows; else its beat is dropped (Full). Agents that beat are never evicted, and none is evicted
// for an agent of a weaker origin. One owner (uid or cgroup, see struct hb_owner) may have a
// limited number of agents that are not dead, and so may the network, where whoever sends chooses
// pid and address. Its agents never end, they only fall silent: once it has all that it may, a new
// one gets the slot of its longest silent one, if the Eviction policy allows.
//
// For each agent without a beat for its threshold, expire() calls is_silent(), which returns false
// if the agent is only unheard. It is then checked again after a quarter of its threshold.
//
// An agent of the notify protocol counts its beats here: its nonces are those that next_nonce()
// gives. It may not be watched at all, or have asked for another threshold, or for time: see
// watch().
//
// After a gap in which the observer did not run, no agent is returned for one more threshold: its
// own (Grace).
//
// One thread. The instants given to record() do not decrease.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "identity/identity.hpp"
#include "observer/agent_table.hpp"
#include "observer/event.hpp"
#include "observer/grace.hpp"
#include "observer/thresholds.hpp"
#include "state/state_memory.hpp"
#include "vlp/frame.hpp"

namespace hb {

// A beat whose claimed pid is the sender's. 0 is "not known".
struct TrackedBeat {
  std::uint32_t pid = 0;  // in the observer's PID namespace; always known
  std::uint32_t ns_inode = 0;
  std::uint64_t generation_ns = 0;
  std::uint64_t nonce = 0;
  vlp::Status status = vlp::Status::Ok;
  std::uint32_t payload = 0;
  BeatOrigin origin = BeatOrigin::KernelAttested;
  std::uint32_t own_pid = 0;  // in its own PID namespace
  std::uint64_t cgroup_id = 0;
  std::uint64_t sent_ns = 0;  // CLOCK_MONOTONIC inside its sendmsg(2)
  // Known with generation_ns; see Identity.
  std::uint32_t uid = 0;
  std::uint32_t kernel_slot = 0;
  std::uint32_t owner = kNoOwner;
  bool is_notify = false;  // its nonce is next_nonce()
  // Borrowed. Set where nothing but this says who sent it; then all that the kernel attests is 0.
  const ClaimOnly* claim = nullptr;

  [[nodiscard]] bool is_remote() const { return claim != nullptr && claim->is_remote(); }
};

// Which agent may be evicted for a new one when every slot is taken and no agent is dead.
enum class Eviction : std::uint8_t {
  Strict,    // the agent silent for longest, after Tracker::kLongSilence of its thresholds
  Balanced,  // the agent silent for longest, as soon as it has stalled
};

// Whose a pid is that was claimed before the kernel attested a beat of it.
enum class OriginPrecedence : std::uint8_t {
  First,      // the claimant's, until it stalls
  Strongest,  // the attested process's
};

class Tracker {
 public:
  static constexpr std::size_t kMaxCapacity = AgentTable::kMaxCapacity;
  static constexpr std::uint64_t kWrapWindow = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kFirstNonce = 1;
  static constexpr std::uint64_t kLongSilence = 10;
  static constexpr std::size_t kDuePerCall = 64;
  static constexpr std::size_t kOutOfOrder = 64;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  struct Inserted {  // the first beat of an agent
    bool evicted;    // a stalled one was evicted for it
  };
  struct Refreshed {
    bool changed;      // the status changed, a stall ended, or a session began
    bool new_session;  // the nonce began at kFirstNonce again
  };

  // An agent that is silent or dead, as of its accepted beats.
  struct Stalled {
    std::uint32_t pid;
    std::uint32_t own_pid;
    std::uint32_t ns_inode;
    std::uint64_t generation_ns;
    std::uint64_t cgroup_id;
    std::uint64_t last_nonce;  // terminal or not
    std::uint64_t last_ns;
    BeatOrigin origin;
    std::uint32_t uid;          // of the last one's sender; known with generation_ns
    std::uint32_t kernel_slot;  // likewise
    vlp::Status status;         // of the last one
    std::uint32_t payload;      // likewise
    HostAddress host;           // whose pid it is
    std::uint64_t threshold_ns;
    std::uint32_t stalls;  // by silence, of this process; AgentTable::kMostStalls: or more
    // A predecessor has told of it, or was about to; or of its silence before its exit.
    bool may_be_repeated;
    bool is_notify;               // it has beaten by the notify protocol, and sent no frame
    bool is_watched;              // false: its silence means nothing
    std::uint64_t configured_ns;  // the threshold of the configuration
  };

  // The first beat of another process under a known pid. `ended` is the former process, unless
  // record_exit() has reported it.
  struct Restarted {
    std::optional<Stalled> ended;
  };
  struct OutOfOrder {};
  struct OriginConflict {
    BeatOrigin slot_origin;
  };
  struct NamespaceConflict {
    std::uint32_t slot_ns_inode;
  };
  // The first attested beat under a pid that somebody else had claimed with this origin.
  struct TakenOver {
    BeatOrigin from;
  };
  struct Full {  // a new agent, and no slot for it
    enum class Bound : std::uint8_t {
      Capacity,
      Owner,    // its owner has reached agents_per_owner
      Network,  // the network has reached network_agents
    };
    Bound bound;
  };
  using Outcome = std::variant<Inserted, Refreshed, Restarted, OutOfOrder, OriginConflict,
                               NamespaceConflict, Full, TakenOver>;

  // `capacity` is clamped to 1..kMaxCapacity. `threshold_ns` is the default. `seed` is PidHash's:
  // use random_seed() wherever senders can choose pids. `agents_per_owner` 0: no limit.
  // `read_delay_ns`: how long beats may wait to be read; counted up to a third of the agent's
  // threshold. `network_agents`: of beats with a claim alone; 0: no limit. Throws std::bad_alloc.
  Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed,
          Eviction eviction = Eviction::Strict, std::size_t agents_per_owner = 0,
          std::uint64_t read_delay_ns = 0, std::size_t network_agents = 0,
          OriginPrecedence precedence = OriginPrecedence::First,
          const StateMemory* state = nullptr);

  // What a tracker of this capacity needs of a StateMemory. Given to the
  // constructor, which borrows it, the memory holds all that a successor takes back.
  static void add_to(StateMemory::Layout& layout, std::size_t capacity);

  struct Instants {
    std::uint64_t now_ns;   // CLOCK_MONOTONIC
    std::uint64_t boot_ns;  // CLOCK_BOOTTIME
  };
  struct TakenBack {
    std::size_t agents = 0;   // that are not dead
    std::size_t dead = 0;     // known to have ended
    std::size_t torn = 0;     // dropped: they were being changed
    std::size_t refused = 0;  // dropped: a field is out of range, or the agent is there twice
  };
  // What a predecessor has left, before any other call. Senders' slots and owners are the kernel
  // program's numbers: only with the predecessor's program do they mean anything.
  // `tell_again`: agents that were reported as silent are reported once more, if they still are.
  TakenBack take_back(const Instants& now, bool tell_again = false);

  // Prefetches the slots for which record() will be called.
  void fetch(std::span<const std::uint32_t> pids) const;

  // True for the very beat that a predecessor has recorded last, or was just recording: the first
  // of an attested sender, and of its protocol, after take_back(). Then it is recorded; else call
  // record().
  // `is_counted`: the predecessor had finished with what it recorded last.
  bool repeat(const TrackedBeat& beat, std::uint64_t now_ns, bool is_counted) {
    return may_repeat_[beat.is_notify ? 1 : 0] && record_repeated(beat, now_ns, is_counted);
  }

  Outcome record(const TrackedBeat& beat, std::uint64_t now_ns);

  // A frame of that process, sent at that instant, was received and refused.
  void note_refused(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns);

  // The agent that is this process has that threshold from now on, until another process has its
  // slot, or as soon as nothing that watch() has said keeps it from that. If it has stalled, it
  // remains so until it beats. False: no agent is this process, or Thresholds::kMost other
  // thresholds are in use.
  //
  // Where its deadline lies among those of many agents is not searched for: it is then checked at
  // the next expire(), and its stall may be late by a quarter of the threshold, never early.
  bool set_threshold(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t threshold_ns);

  // The agent that is this process, and not dead.
  [[nodiscard]] bool has(std::uint32_t pid, std::uint64_t generation_ns) const {
    return living(pid, generation_ns) != AgentTable::kNone;
  }

  // The nonce of its next beat, if that comes by the notify protocol, in which the observer counts.
  // Once the agent has announced its end all are terminal, until it says that it is ready again. Of
  // an agent that sends frames as well it is the nonce of its last frame.
  [[nodiscard]] std::uint64_t next_nonce(std::uint32_t pid, std::uint64_t generation_ns,
                                         bool is_ready) const;
  // That of its last one.
  [[nodiscard]] std::uint64_t last_nonce(std::uint32_t pid, std::uint64_t generation_ns) const;

  using Watch = AgentTable::Watch;
  // How the silence of that process is judged from now on. `time_ns`: of Watch::Extended and
  // Watch::Learning. Call it after record() for the beat that says so, as time counts from that.
  void watch(std::uint32_t pid, std::uint64_t generation_ns, Watch watch,
             std::uint64_t time_ns = 0);
  // nullopt: no agent is this process.
  [[nodiscard]] std::optional<Watch> watch_of(std::uint32_t pid,
                                              std::uint64_t generation_ns) const {
    const Number number = living(pid, generation_ns);
    return number == AgentTable::kNone ? std::nullopt : std::optional(table_[number].watch);
  }
  // When its last accepted beat was sent; 0: no agent is this process.
  [[nodiscard]] std::uint64_t sent_ns(std::uint32_t pid, std::uint64_t generation_ns) const {
    const Number number = living(pid, generation_ns);
    return number == AgentTable::kNone ? 0 : table_[number].sent_ns;
  }
  // It has been given a threshold by set_threshold().
  [[nodiscard]] bool is_configured(std::uint32_t pid, std::uint64_t generation_ns) const {
    const Number number = living(pid, generation_ns);
    return number != AgentTable::kNone && table_.rest(number).configured_ns != 0;
  }
  // note_refused() has been called for it with this instant.
  [[nodiscard]] bool has_refused(std::uint32_t pid, std::uint64_t generation_ns,
                                 std::uint64_t sent_ns) const {
    const Number number = living(pid, generation_ns);
    return number != AgentTable::kNone && table_.rest(number).attested.refused_ns == sent_ns;
  }
  // The threshold that the process wants for itself; 0: that of the configuration.
  void want_threshold(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t threshold_ns);
  [[nodiscard]] std::uint64_t wanted_threshold_ns(std::uint32_t pid,
                                                  std::uint64_t generation_ns) const {
    const Number number = living(pid, generation_ns);
    return number == AgentTable::kNone ? 0 : table_.rest(number).own_ns;
  }
  // That which is in force.
  [[nodiscard]] std::uint64_t threshold_ns(std::uint32_t pid, std::uint64_t generation_ns) const {
    const Number number = living(pid, generation_ns);
    return number == AgentTable::kNone ? 0 : threshold(table_[number]).ns;
  }
  // That process says itself that it has failed. Empty: no agent is this process, or its stall has
  // been returned already.
  std::optional<Stalled> record_failure(std::uint32_t pid, std::uint64_t generation_ns);

  // The shortest of all thresholds in use, and of the default.
  [[nodiscard]] std::uint64_t shortest_threshold_ns() const { return thresholds_.shortest_ns(); }

  // The observer did not run; and what it learned about that gap later. See Grace.
  void begin_grace(const Gap& gap);
  void agents_sent_every(std::uint64_t interval_ns);
  [[nodiscard]] std::uint64_t grace_end_ns() const { return thresholds_.grace_end_ns(); }

  // Calls f(Stalled, threshold_ns) for each agent that is not dead. Looks at all of them.
  template <typename F>
  void for_each_agent(F&& f) const {
    table_.for_each([&](Number number) {
      if (table_[number].list != List::Dead) {
        f(describe(number), thresholds_[table_[number].threshold].ns);
      }
    });
  }

  // Calls f(Stalled, threshold_ns, is_silent) for the agents that are not dead among at most `most`
  // slots, from `first` on: 0 at the beginning. Returns where to go on; 0: that was the last.
  template <typename F>
  std::uint32_t for_some_agents(std::uint32_t first, std::size_t most, F&& f) const {
    static_assert(AgentTable::kNone == 0);
    return table_.for_some(first, most, [&](Number number) {
      const Slot& slot = table_[number];
      if (slot.list != List::Dead) f(describe(number), threshold(slot).ns, slot.is_stalled());
    });
  }

  // An agent whose deadline has passed.
  struct Due {
    std::uint32_t pid;
    std::uint32_t kernel_slot;    // known with generation_ns
    std::uint64_t generation_ns;  // 0: not known
    std::uint64_t heard_ns;       // when its latest received frame, accepted or not, was sent
    std::uint64_t threshold_ns;
    bool is_watched;
  };

  // Returns an agent without a beat for its threshold at `at_ns` whose stall has not been returned
  // since its last beat, and for which is_silent(Due) is true; the earliest deadline first, which
  // with one threshold is the longest silent. Call it until next_deadline_ns() is later: one call
  // checks at most kDuePerCall agents.
  template <typename IsSilent>
  std::optional<Stalled> expire(std::uint64_t at_ns, IsSilent&& is_silent) {
    for (std::size_t n = 0; n < kDuePerCall; ++n) {
      const Number number = first_due(at_ns);
      if (number == AgentTable::kNone) return std::nullopt;
      if (is_overdue(number, at_ns) && is_silent(due(number))) return silence(number);
      defer(number, at_ns);
    }
    return std::nullopt;
  }
  std::optional<Stalled> expire(std::uint64_t at_ns) {
    return expire(at_ns, [](const Due&) { return true; });
  }

  // That process has ended. Returns it once, whether it had stalled before or not; expire() does
  // not return it any more. Empty if no agent is that process.
  std::optional<Stalled> record_exit(std::uint32_t pid, std::uint64_t generation_ns);

  // What expire() or record_exit() has returned last has been told: until then a successor takes
  // the agent back as one that it has to tell of.
  void note_told() {
    const Number number = std::exchange(untold_, AgentTable::kNone);
    if (number != AgentTable::kNone) table_[number].untold = 0;
  }

  // The first instant at which expire() may return an agent, if no beat comes before; kNever: none.
  [[nodiscard]] std::uint64_t next_deadline_ns() const;

  // Agents, including the stalled ones, but not the dead.
  [[nodiscard]] std::size_t size() const { return table_.living(); }
  [[nodiscard]] std::size_t capacity() const { return table_.capacity(); }
  [[nodiscard]] std::size_t reserved_bytes() const { return table_.reserved_bytes(); }

 private:
  using Number = AgentTable::Number;
  using Slot = AgentTable::Slot;
  using List = AgentTable::List;
  using Heard = AgentTable::Heard;
  using Threshold = Thresholds::Index;

  // The agent that is checked next, of some or of all.
  struct Next {
    std::uint64_t deadline_ns = kNever;
    Number number = AgentTable::kNone;
  };

  [[nodiscard]] Number find(const TrackedBeat& beat) const {
    return beat.claim == nullptr ? table_.find(beat.pid) : find_claimed(beat);
  }
  [[nodiscard]] Number find_claimed(const TrackedBeat& beat) const;
  [[nodiscard]] Number living(std::uint32_t pid, std::uint64_t generation_ns) const;
  [[nodiscard]] Number evictable(const TrackedBeat& beat, std::uint64_t now_ns) const;
  [[nodiscard]] bool is_evictable(Number number, const TrackedBeat& beat,
                                  std::uint64_t now_ns) const;

  Outcome insert(const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome reuse(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome meet_other_origin(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns, bool new_session);
  void take_over(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  void learn(Number number, const TrackedBeat& beat);
  static void hear(Slot& slot, const TrackedBeat& beat, std::uint64_t now_ns);
  static bool in_order(const Slot& slot, const TrackedBeat& beat);
  static bool begins_session(const Slot& slot, const TrackedBeat& beat);
  [[nodiscard]] Stalled describe(Number number, bool may_be_repeated = false) const;
  [[nodiscard]] bool is_in_range(Number number, const Instants& now) const;
  bool is_kept(Number number, const Instants& now, bool tell_again, TakenBack& taken);
  void count_kept(Number number, TakenBack& taken);
  static void bring_back(Slot& slot);
  [[nodiscard]] std::uint64_t order_in_list(Number number) const;
  // To be called before and after an agent is moved.
  void note_if_oldest(Number number) {
    if (table_.older(number) != AgentTable::kNone) return;
    changed_ |= std::uint64_t{1} << table_[number].threshold;
  }
  void move(Number number, List list, Threshold threshold) {
    const Threshold before = table_[number].threshold;
    note_if_oldest(number);
    table_.move(number, list, threshold);
    note_if_oldest(number);
    if (before != threshold) left(before);
  }
  void left(Threshold threshold);
  bool put_in_order(Number number, List list, Threshold threshold);
  void check_next(Number number);
  std::optional<Threshold> threshold_for(Number number, std::uint64_t threshold_ns);
  void begin_watching(Number number);
  bool restore_threshold(Number number);
  bool apply_threshold(Number number, std::uint64_t threshold_ns);
  [[nodiscard]] std::uint64_t own_threshold_ns(Number number) const;
  [[nodiscard]] const Thresholds::Threshold& threshold(const Slot& slot) const {
    return thresholds_[slot.threshold];
  }
  // When its last beat was sent, but at most the read delay before it was recorded. (It may have
  // been sent after the instant given to record(): the clock is read before the sources are.)
  [[nodiscard]] std::uint64_t heard_ns(const Slot& slot) const {
    if (slot.sent_ns == 0) return slot.last_ns;
    if (slot.sent_ns >= slot.last_ns) return slot.sent_ns;
    return slot.last_ns - std::min(slot.last_ns - slot.sent_ns, threshold(slot).read_delay_ns);
  }
  [[nodiscard]] std::uint64_t deadline_ns(Number number) const;
  [[nodiscard]] bool is_overdue(Number number, std::uint64_t at_ns) const;
  [[nodiscard]] Next next() const;
  [[nodiscard]] Next find_next(Threshold threshold) const;
  [[nodiscard]] Number first_due(std::uint64_t at_ns) const;
  [[nodiscard]] Due due(Number number) const;
  Stalled silence(Number number);
  bool note_untold(Number number);
  bool record_repeated(const TrackedBeat& beat, std::uint64_t now_ns, bool is_counted);
  static bool is_repeated(const Slot& slot, const TrackedBeat& beat, bool is_counted);
  void defer(Number number, std::uint64_t at_ns);

  [[nodiscard]] bool is_of_network(Number number) const {
    return table_.rest(number).owner == kNetworkOwner;
  }
  [[nodiscard]] bool owner_has_room(std::uint32_t owner) const;
  void charge(Number number, std::uint32_t owner);
  void discharge(Number number);

  const Eviction eviction_;
  const std::size_t agents_per_owner_;
  const std::size_t network_agents_;
  const OriginPrecedence precedence_;
  Thresholds thresholds_;
  AgentTable table_;

  // What next() has found, for each threshold and for all, and a bit for each threshold whose
  // oldest agent or grace has changed since.
  mutable std::array<Next, Thresholds::kMost> next_of_;
  mutable Next next_;
  mutable std::uint64_t changed_ = 0;

  std::uint64_t exits_ = 0;  // the last exit's place in their order
  Number untold_ = AgentTable::kNone;
  // Taken back, and no attested beat since: of frames, and of notify messages.
  std::array<bool, 2> may_repeat_{};

  const ZeroedPages owner_memory_;
  std::uint32_t* const agents_of_owner_;  // kOwners and kNetworkOwner: agents that are not dead
};

[[nodiscard]] std::uint64_t random_seed();

}  // namespace hb
