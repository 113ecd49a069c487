// Tracker: which agents there are, when each was last heard, which of them have fallen silent and
// which are dead.
//
// One slot per pid of the observer's PID namespace. A slot pins what its first beat said about the
// sender: origin, PID namespace, generation. Later beats are held against that:
//
//   origin       another than the pinned one: OriginConflict, whatever else the beat says. So what
//                anybody on the network claims never touches what the kernel has vouched for.
//   generation   another process has the pid now. A younger one takes the slot over (Restarted). An
//                older one is dead, for it had the pid before: its late word is OutOfOrder. So is
//                whatever else comes for a process that is known to be dead.
//   namespace    another one, and no other generation to explain it: NamespaceConflict. A process
//                never changes its PID namespace, so this is nothing we understand: dropped.
//   nonce        strictly increasing, but may wrap from the top kWrapWindow to the bottom one; else
//                OutOfOrder. The terminal nonce is always accepted, also twice in a row: a process
//                that says its last word again is alive to say it. It leaves the high-water mark
//                alone, and in a slot that began with one any regular nonce comes next.
//   session      an exec keeps pid and generation, but the new program counts from kFirstNonce
//                again. Such a beat begins a new session if the kernel attests that this very
//                process sent it, and after every beat accepted so far (sent_ns): then it is
//                neither another's replay nor a datagram that was overtaken on its way. A process
//                can of course replay its own first beat; that takes a process that is alive.
//                Of a sender whose generation nobody can know (the network), a restart looks like a
//                replay: its first beat begins a session once the old one has been called silent.
//
// What a beat does not know (generation or namespace 0) contradicts nothing, and what the slot does
// not know is learned from the next beat that it accepts. A beat that is not accepted changes
// nothing; in particular it does not postpone a stall.
//
// With one threshold for all, agents in the order of their last beat are also in the order of their
// deadline: record(), expire() and bury() are O(1), whatever the number of agents, and nothing is
// scanned. A beat counts from when it was sent, as far as it waited for us: for up to
// `read_delay_ns` before it was recorded. (One that was sent earlier waited for room in the queue.
// That is not its sender's silence.) It is put in order among the kOutOfOrder newest; a place that
// is still too new makes a stall late, never early.
//
// Capacity is fixed. When it is used up, a newcomer takes the slot of who has been dead longest;
// else, as the Eviction policy allows, of who has been silent longest; else it is dropped (Full).
// Only a stalled agent is ever forgotten, never one that beats, and never for a newcomer for which
// less is vouched: nobody on the network can push out what the kernel has attested. One owner (uid
// or cgroup, see struct hb_owner) may have only so many agents that are not dead.
//
// Absence of beats alone is not silence. expire() asks, for each agent whose time is over, whether
// it has been silent or was only not heard. In the latter case it is looked at again after a
// quarter of a threshold.
//
// One thread. The instants given to record() never go back.
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

// A beat whose sender has been found to be what it claims. In numbers, 0 is "not known".
struct TrackedBeat {
  std::uint32_t pid = 0;  // in the observer's PID namespace; known
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

// Who may be forgotten for a newcomer when every slot is taken and nobody is dead.
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
    bool evicted;    // a stalled one was forgotten for it
  };
  struct Refreshed {
    bool changed;      // another status than its last beat had, the end of a stall, a new session
    bool new_session;  // the nonce began again
  };

  // An agent that is silent or dead, as its accepted beats had it.
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

  // The first beat of another process under a known pid. Whoever had it before is dead: here it is,
  // unless that had been said by bury().
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
    bool owner;  // because its owner has as many as one owner may have
  };
  using Outcome = std::variant<Inserted, Refreshed, Restarted, OutOfOrder, OriginConflict,
                               NamespaceConflict, Full>;

  // `capacity` is brought into 1..kMaxCapacity. `seed` is PidHash's: give it
  // random_seed() wherever strangers can choose pids. `agents_per_owner` 0: any number.
  // `read_delay_ns`: how long beats may wait to be read; counted up to a third of the threshold.
  // Throws std::bad_alloc.
  Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed,
          Eviction eviction = Eviction::Strict, std::size_t agents_per_owner = 0,
          std::uint64_t read_delay_ns = 0);

  // record() will be called for these: brings their slots into the cache. No promise.
  void fetch(std::span<const std::uint32_t> pids) const;

  Outcome record(const TrackedBeat& beat, std::uint64_t now_ns);

  // A frame of that process came and was refused. It was sent then.
  void note_refused(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns);

  // An agent whose time is over.
  struct Due {
    std::uint32_t kernel_slot;    // known with generation_ns
    std::uint64_t generation_ns;  // 0: not known
    std::uint64_t
        heard_ns;  // when the latest of its frames that came, whatever became of it, was sent
  };

  // An agent that has not beaten for the threshold at the instant `at_ns`, has not been named since
  // its last beat, and of which is_silent(Due) is true; the one longest silent first. Ask until
  // next_deadline_ns() is later: a call asks about kDuePerCall agents at the most.
  template <typename IsSilent>
  std::optional<Stalled> expire(std::uint64_t at_ns, IsSilent&& is_silent) {
    for (std::size_t n = 0; n < kDuePerCall; ++n) {
      const Number number = first_due(at_ns);
      if (number == AgentTable::kNone) return std::nullopt;
      if (is_silent(due(number))) return silence(number);
      spare(number, at_ns);
    }
    return std::nullopt;
  }
  std::optional<Stalled> expire(std::uint64_t at_ns) {
    return expire(at_ns, [](const Due&) { return true; });
  }

  // That process has ended. Says so once, whether it had stalled before or not, and never names it
  // as silent after that. Empty if no agent is known to be that very process.
  std::optional<Stalled> bury(std::uint32_t pid, std::uint64_t generation_ns);

  // The first instant at which expire() names somebody, if no beat comes before; kNever: nobody.
  [[nodiscard]] std::uint64_t next_deadline_ns() const;

  // Agents, the stalled ones too, but not the dead.
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

  [[nodiscard]] bool may_be_forgotten(Number number, const TrackedBeat& beat,
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
  void spare(Number number, std::uint64_t at_ns);

  [[nodiscard]] bool owner_has_room(std::uint32_t owner) const;
  void charge(Number number, std::uint32_t owner);
  void discharge(Number number);

  const std::uint64_t threshold_ns_;
  const std::uint64_t look_again_ns_;
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
