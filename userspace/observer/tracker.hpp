// Tracker: which agents there are, when each was last heard, and which of them have fallen silent.
//
// One slot per pid of the observer's PID namespace. A slot pins what its first beat said about the
// sender: origin, PID namespace, generation. Later beats are held against that:
//
//   origin       another than the pinned one: OriginConflict, whatever else the beat says. So what
//                anybody on the network claims never touches what the kernel has vouched for.
//   generation   another process has the pid now. A younger one takes the slot over (Restarted). An
//                older one is dead, for it had the pid before: its late word is OutOfOrder.
//   namespace    another one, and no other generation to explain it: NamespaceConflict. A process
//                never changes its PID namespace, so this is nothing we understand: dropped.
//   nonce        strictly increasing, but may wrap from the top kWrapWindow to the bottom one; else
//                OutOfOrder. The terminal nonce is always accepted, also twice in a row: a process
//                that says its last word again is alive to say it. It leaves the high-water mark
//                alone, and in a slot that began with one any regular nonce comes next.
//
// What a beat does not know (generation or namespace 0) contradicts nothing, and what the slot does
// not know is learned from the next beat that it accepts. A beat that is not accepted changes
// nothing; in particular it does not postpone a stall.
//
// With one threshold for all, agents in the order of their last beat are also in the order of their
// deadline: record() and expire() are O(1), whatever the number of agents, and nothing is scanned.
//
// Capacity is fixed, and memory is reserved at construction but only touched as agents come: 52
// bytes each. A slot is never given back; what happens when they run out is decided in allocate().
//
// One thread. The instants given to record() never go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <variant>

#include "observer/event.hpp"
#include "observer/pid_hash.hpp"
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
};

class Tracker {
 public:
  static constexpr std::size_t kMaxCapacity = std::size_t{1} << 20;
  static constexpr std::uint64_t kWrapWindow = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  struct Inserted {};  // the first beat of an agent
  struct Refreshed {
    bool changed;  // another status than its last beat had, or the end of a stall
  };
  struct Restarted {};  // the first beat of another process under a known pid
  struct OutOfOrder {};
  struct OriginConflict {
    BeatOrigin slot_origin;
  };
  struct NamespaceConflict {
    std::uint32_t slot_ns_inode;
  };
  struct Full {};  // a new agent, and no slot for it
  using Outcome = std::variant<Inserted, Refreshed, Restarted, OutOfOrder, OriginConflict,
                               NamespaceConflict, Full>;

  struct Stalled {
    std::uint32_t pid;
    std::uint32_t ns_inode;
    std::uint64_t last_nonce;  // of its last accepted beat, terminal or not
    std::uint64_t last_ns;
    BeatOrigin origin;
  };

  // `capacity` is brought into 1..kMaxCapacity. `seed` is PidHash's: give it
  // random_seed() wherever strangers can choose pids. Throws std::bad_alloc.
  Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed);

  Outcome record(const TrackedBeat& beat, std::uint64_t now_ns);

  // An agent that has not beaten for the threshold at the instant `at_ns` and has not been named
  // since its last beat; the one longest silent first. Ask until it is empty.
  std::optional<Stalled> expire(std::uint64_t at_ns);

  // The first instant at which expire() names somebody, if no beat comes before; kNever: nobody.
  [[nodiscard]] std::uint64_t next_deadline_ns() const;

  [[nodiscard]] std::size_t size() const { return size_; }  // agents, the stalled ones too
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t reserved_bytes() const;

 private:
  // A slot's number. Slot 0 is nobody's: it ends the chains of the index, and it is the head of the
  // list of live agents.
  using Number = std::uint32_t;

  enum class Heard : std::uint8_t { OnlyTerminal, Regular, TerminalAfterRegular };

  // All zero is a valid slot, as calloc() makes it.
  struct Slot {
    std::uint64_t last_ns;
    std::uint64_t generation_ns;
    std::uint64_t high_nonce;  // the highest regular one; none if OnlyTerminal was heard
    std::uint32_t pid;
    std::uint32_t ns_inode;
    Number next_in_bucket;
    Number older;  // neighbours in the list, by last beat
    Number newer;
    vlp::Status status;
    BeatOrigin origin;
    Heard heard;
    bool stalled;  // then it is in no list
  };
  static_assert(sizeof(Slot) == 48);

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  template <typename T>
  using Zeroed = std::unique_ptr<T[], Free>;
  template <typename T>
  static Zeroed<T> zeroed(std::size_t count);

  [[nodiscard]] Number find(std::uint32_t pid) const;
  Number allocate();

  Outcome insert(const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  Outcome refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns);
  static void pin(Slot& slot, const TrackedBeat& beat);
  static void learn(Slot& slot, const TrackedBeat& beat);
  static void hear(Slot& slot, const TrackedBeat& beat);
  static bool in_order(const Slot& slot, const TrackedBeat& beat);

  void unlink(Number number);
  void append(Number number, std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t deadline_ns(const Slot& slot) const;

  const std::size_t capacity_;
  const std::uint64_t threshold_ns_;
  const PidHash hash_;
  const Zeroed<Slot> slots_;      // [0] and one for each agent
  const Zeroed<Number> buckets_;  // first slot of each chain
  std::size_t size_ = 0;          // slots 1..size_ are in use
};

[[nodiscard]] std::uint64_t random_seed();

}  // namespace hb
