// Thresholds: the different silence thresholds that agents have, each with its Grace. At most
// kMost at once, each with an index. The agents with one threshold share a list (AgentTable), so a
// few thresholds are few lists, whatever the number of agents.
//
// Index 0 is the default, which is always in use. The others are in use from add() to drop(): the
// caller counts the agents.
//
// One thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <optional>

#include "observer/grace.hpp"

namespace hb {

class Thresholds {
 public:
  using Index = std::uint32_t;  // below kMost
  static constexpr Index kMost = 64;
  static constexpr Index kDefault = 0;

  struct Threshold {
    std::uint64_t ns = 0;
    std::uint64_t read_delay_ns = 0;  // see Tracker
    Grace grace;
  };

  // What outlives this process: each threshold and, that a torn one be known, its complement.
  struct Kept {
    std::array<std::uint64_t, kMost> ns;
    std::array<std::uint64_t, kMost> complement;
  };

  // `kept`: borrowed; null: nothing is kept.
  Thresholds(std::uint64_t default_ns, std::uint64_t read_delay_ns, Kept* kept = nullptr);

  // The threshold that a predecessor had with this index is in use from now on. False: there is
  // none to be believed. The default is always this process's own.
  bool take_back(Index index);

  const Threshold& operator[](Index index) const { return thresholds_[index]; }

  // The index of a threshold, which is in use from now on. Empty: kMost others are.
  std::optional<Index> add(std::uint64_t threshold_ns);

  // No agent has this threshold any more.
  void drop(Index index);

  [[nodiscard]] std::uint64_t shortest_ns() const { return shortest_ns_; }

  // See Grace. Both go to every threshold in use.
  void begin_grace(const Gap& gap);
  void agents_sent_every(std::uint64_t interval_ns);
  // The last of all graces ends then.
  [[nodiscard]] std::uint64_t grace_end_ns() const { return grace_end_ns_; }

  // Calls f(Index) for each index in use.
  template <typename F>
  void for_each(F&& f) const {
    for (std::uint64_t rest = in_use_; rest != 0; rest &= rest - 1) {
      f(static_cast<Index>(std::countr_zero(rest)));
    }
  }

 private:
  static_assert(kMost == std::numeric_limits<std::uint64_t>::digits);

  static constexpr std::uint64_t bit(Index index) { return std::uint64_t{1} << index; }

  [[nodiscard]] Index find(std::uint64_t threshold_ns) const;  // kMost: it is not in use
  void use(Index index, std::uint64_t threshold_ns);
  void update_grace_end();

  const std::uint64_t read_delay_ns_;
  Kept* const kept_;
  std::uint64_t in_use_ = 0;  // a bit for each index
  std::uint64_t shortest_ns_ = 0;
  std::uint64_t grace_end_ns_ = 0;
  Gap last_gap_;
  std::array<Threshold, kMost> thresholds_;
};

}  // namespace hb
