// DebounceTable: which processes were acted upon a moment ago.
//
// Bounded, and it forgets nothing before its time: when it is full, has_room() says so, and whoever
// asks must not act. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "observer/pid_hash.hpp"
#include "recovery/process_key.hpp"

namespace hb {

class DebounceTable {
 public:
  // Remembers at most `capacity` processes, each for `window_ns`.
  DebounceTable(std::size_t capacity, std::uint64_t window_ns, std::uint64_t seed)
      : capacity_(capacity), window_ns_(window_ns), index_(0, Hash{PidHash(kHashBits, seed)}) {}

  // `now_ns` never goes back, over all three.
  [[nodiscard]] bool holds(const ProcessKey& process, std::uint64_t now_ns);
  [[nodiscard]] bool has_room(std::uint64_t now_ns);
  // It was acted upon now. Without room for a new one, nothing happens.
  void note(const ProcessKey& process, std::uint64_t now_ns);

  [[nodiscard]] std::size_t size() const { return index_.size(); }

 private:
  static constexpr unsigned kHashBits = 32;

  struct Entry {
    ProcessKey process;
    std::uint64_t at_ns;
  };
  // By the pid alone: one pid has few generations within a window.
  struct Hash {
    PidHash of_pid;
    std::size_t operator()(const ProcessKey& process) const { return of_pid(process.pid); }
  };

  void forget_old(std::uint64_t now_ns);

  const std::size_t capacity_;
  const std::uint64_t window_ns_;
  std::list<Entry> entries_;  // oldest first
  std::unordered_map<ProcessKey, std::list<Entry>::iterator, Hash> index_;
};

}  // namespace hb
