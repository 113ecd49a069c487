// What an Observer has counted since it was made. Every loss is in here: at any time
//
//   receptions == beats + decode_errors + auth_failures + namespace_conflicts + origin_conflicts
//                 + io_errors + ctrl_truncated + out_of_order + frames_dropped
//
// where a table stands for the sum of its entries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/enum_values.hpp"
#include "observer/attempt_watch.hpp"
#include "observer/event.hpp"

namespace hb {

// Frames dropped without an event, for a reason of ours.
enum class FrameDrop : std::uint8_t {
  WrongLength,       // no length that a frame has: no frame at all
  TrackerFull,       // a new agent, and no room for it
  UidFull,           // a new agent, and its uid or cgroup has as many as one may have
  DecryptFailed,     // secure UDP: not sealed with our key, or altered on its way
  AgentPidMismatch,  // secure UDP: sealed with one agent's key, claims to be another
  Replayed,          // secure UDP: not newer than what this sender has been heard to say
  SenderTableFull,   // secure UDP: a new sender, and every one that is known is still live
  RingFull,          // it has no stamp, for which the kernel program had no room
  StampEvicted,      // it has no stamp, which had to make room for those of others
};

// The names of metrics.
[[nodiscard]] constexpr const char* name(FrameDrop reason) {
  switch (reason) {
    case FrameDrop::WrongLength: return "wrong_length";
    case FrameDrop::TrackerFull: return "tracker_full";
    case FrameDrop::UidFull: return "uid_full";
    case FrameDrop::DecryptFailed: return "decrypt_failed";
    case FrameDrop::AgentPidMismatch: return "agent_pid_mismatch";
    case FrameDrop::Replayed: return "replayed";
    case FrameDrop::SenderTableFull: return "sender_table_full";
    case FrameDrop::RingFull: return "ring_full";
    case FrameDrop::StampEvicted: return "stamp_evicted";
  }
  return kNoName;
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

  // f(value, count) for every value, the untouched ones too.
  template <typename F>
  void for_each(F f) const {
    for (const Enum value : kEnumValues<Enum>) f(value, (*this)[value]);
  }

 private:
  std::array<std::uint64_t, kEnumValues<Enum>.size()> counts_{};
};

struct Counters {
  std::uint64_t receptions = 0;  // whatever a source handed over
  std::uint64_t beats = 0;
  std::uint64_t stalls = 0;
  CountBy<vlp::DecodeError> decode_errors;
  CountBy<AuthFailureCause> auth_failures;
  std::uint64_t namespace_conflicts = 0;
  std::uint64_t origin_conflicts = 0;
  std::uint64_t io_errors = 0;
  std::uint64_t ctrl_truncated = 0;
  std::uint64_t out_of_order = 0;
  CountBy<FrameDrop> frames_dropped;

  // Of the beats: those of another process under a known pid; those of a process that began its
  // nonces again; those for which a stalled agent was forgotten.
  std::uint64_t pid_recycled = 0;
  std::uint64_t sessions_restarted = 0;
  std::uint64_t tracker_evicted = 0;

  // How often an agent was not called silent because it had tried to send, by the reason why that
  // did not arrive.
  CountBy<Unheard> unheard;

  std::uint64_t exits = 0;            // processes that were seen to end
  std::uint64_t exits_untracked = 0;  // those that were no agents; the others are stalls
  std::uint64_t clock_jumps = 0;      // how often the observer found that it had been away
};

}  // namespace hb
