// Tracker: which agents there are, when each sent its last beat, which are silent and which are
// dead.
//
// One slot per pid of the observer's PID namespace. The first beat sets the slot's origin, PID
// namespace and generation. Later beats are compared with these:
//
//   origin       another than the slot's: OriginConflict, whatever else the beat says. So a claim
//                from the network cannot change what the kernel has attested.
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
// With one threshold for all, agents in the order of their last beat are also in the order of their
// deadline: record(), expire() and record_exit() are O(1), whatever the number of agents, and
// nothing is scanned. A beat counts from when it was sent, but at most from `read_delay_ns` before
// it was recorded. (One that was sent earlier waited for room in the queue, which is not its
// sender's silence.) It is sorted among the kOutOfOrder newest agents; if it belongs further back,
// its stall may be late, never early.
//
// Capacity is fixed. When all slots are taken, a new agent gets the slot of the agent that has been
// dead longest; else, if the Eviction policy allows it, of the one that has been silent longest;
// else its beat is dropped (Full). Agents that beat are never evicted, and none is evicted for an
// agent of a weaker origin. One owner (uid or cgroup, see struct hb_owner) may have a limited
// number of agents that are not dead.
//
// For each agent without a beat for the threshold, expire() calls is_silent(), which returns false
// if the agent is only unheard. It is then checked again after a quarter of a threshold.
//
// One thread. The instants given to record() do not decrease.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "identity/identity.hpp"
#include "observer/agent_table.hpp"
#include "observer/event.hpp"
#include "vlp/frame.hpp"

namespace hb {

// A beat whose claimed pid is the sender's. 0 is "not known".
struct TrackedBeat {
  std::uint32_t pid = 0;  // in the observer's PID namespace; always known
  std::uint32_t ns_inode = 0;
  std::uint64_t generation_ns = 0;
  std::uint64_t nonce = 0;
  vlp::Status status = vlp::Status::Ok;
  BeatOrigin origin = BeatOrigin::KernelAttested;
  std::uint32_t own_pid = 0;  // in its own PID namespace
  std::uint64_t cgroup_id = 0;
  std::uint64_t sent_ns = 0;  // CLOCK_MONOTONIC inside its sendmsg(2)
  // Known with generation_ns; see Identity.
  std::uint32_t uid = 0;
  std::uint32_t kernel_slot = 0;
  std::uint32_t owner = kNoOwner;
};

// Which agent may be evicted for a new one when every slot is taken and no agent is dead.
enum class Eviction : std::uint8_t {
  Strict,    // the agent silent for longest, after Tracker::kLongSilence thresholds
  Balanced,  // the agent silent for longest, as soon as it has stalled
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
    std::uint32_t uid;  // of the last one's sender; known with generation_ns
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
  struct Full {  // a new agent, and no slot for it
    bool owner;  // because its owner has reached agents_per_owner
  };
  using Outcome = std::variant<Inserted, Refreshed, Restarted, OutOfOrder, OriginConflict,
                               NamespaceConflict, Full>;

  // `capacity` is clamped to 1..kMaxCapacity. `seed` is PidHash's: use random_seed() wherever
  // senders can choose pids. `agents_per_owner` 0: no limit. `read_delay_ns`: how long beats may
  // wait to be read; counted up to a third of the threshold. Throws std::bad_alloc.
  Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed,
          Eviction eviction = Eviction::Strict, std::size_t agents_per_owner = 0,
          std::uint64_t read_delay_ns = 0);

  // Prefetches the slots for which record() will be called.
  void fetch(std::span<const std::uint32_t> pids) const;

  Outcome record(const TrackedBeat& beat, std::uint64_t now_ns);

  // A frame of that process, sent at that instant, was received and refused.
  void note_refused(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns);

  // An agent whose deadline has passed.
  struct Due {
    std::uint32_t kernel_slot;    // known with generation_ns
    std::uint64_t generation_ns;  // 0: not known
    std::uint64_t heard_ns;       // when its latest received frame, accepted or not, was sent
  };

  // Returns an agent without a beat for the threshold at `at_ns` whose stall has not been returned
  // since its last beat, and for which is_silent(Due) is true; the longest silent first. Call it
  // until next_deadline_ns() is later: one call checks at most kDuePerCall agents.
  template <typename IsSilent>
  std::optional<Stalled> expire(std::uint64_t at_ns, IsSilent&& is_silent) {
    for (std::size_t n = 0; n < kDuePerCall; ++n) {
      const Number number = first_due(at_ns);
      if (number == AgentTable::kNone) return std::nullopt;
      if (is_silent(due(number))) return silence(number);
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

  // The first instant at which expire() may return an agent, if no beat comes before; kNever: none.
  [[nodiscard]] std::uint64_t next_deadline_ns() const;

  // Agents, including the stalled ones, but not the dead.
  [[nodiscard]] std::size_t size() const {
    return table_.length(List::Live) + table_.length(List::Unheard) + table_.length(List::Stalled);
  }
  [[nodiscard]] std::size_t capacity() const { return table_.capacity(); }
  [[nodiscard]] std::size_t reserved_bytes() const { return table_.reserved_bytes(); }

 private:
  using Number = AgentTable::Number;
  using Slot = AgentTable::Slot;
  using List = AgentTable::List;
  using Heard = AgentTable::Heard;

  [[nodiscard]] bool is_evictable(Number number, const TrackedBeat& beat,
                                  std::uint64_t now_ns) const;

  Outcome insert(const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome reuse(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns, bool new_session);
  void take_over(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  void learn(Number number, const TrackedBeat& beat);
  static void hear(Slot& slot, const TrackedBeat& beat, std::uint64_t now_ns);
  static bool in_order(const Slot& slot, const TrackedBeat& beat);
  static bool begins_session(const Slot& slot, const TrackedBeat& beat);
  [[nodiscard]] Stalled describe(Number number) const;
  void put_in_order(Number number);
  [[nodiscard]] std::uint64_t heard_ns(const Slot& slot) const;
  [[nodiscard]] std::uint64_t deadline_ns(Number number) const;
  [[nodiscard]] std::uint64_t first_deadline_ns(List list) const;
  [[nodiscard]] Number first_due(std::uint64_t at_ns) const;
  [[nodiscard]] Due due(Number number) const;
  Stalled silence(Number number);
  void defer(Number number, std::uint64_t at_ns);

  [[nodiscard]] bool owner_has_room(std::uint32_t owner) const;
  void charge(Number number, std::uint32_t owner);
  void discharge(Number number);

  const std::uint64_t threshold_ns_;
  const std::uint64_t recheck_ns_;
  const std::uint64_t long_silence_ns_;
  const std::uint64_t read_delay_ns_;
  const Eviction eviction_;
  const std::size_t agents_per_owner_;
  AgentTable table_;
  const ZeroedPages owner_memory_;
  std::uint32_t* const agents_of_owner_;  // kOwners: agents that are not dead
};

[[nodiscard]] std::uint64_t random_seed();

}  // namespace hb
