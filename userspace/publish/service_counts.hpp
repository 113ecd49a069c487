// ServiceCounts: beats, stalls and what recovery did, by service, on the loop's side.
//
// The loop knows cgroups, by their ids. Each gets a number in a small table and counts of its own;
// the publisher process finds out which service it is (Board::Names), and from then on its counts
// are the service's. So a beat costs a look into a small table and an increment.
//
// Bounded: kMaxCgroups, of them at most kMostOfUid of one uid other than 0. What has no place is
// counted as `other`. The place of a cgroup without agents is freed, by the census, as the table
// fills up.
//
// One thread. Allocates for new cgroups only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/zeroed_pages.hpp"
#include "observer/event.hpp"
#include "publish/board.hpp"

namespace hb {

class ServiceCounts {
 public:
  using Uid = std::optional<std::uint32_t>;
  static constexpr std::size_t kMostOfUid = 64;
  static constexpr std::size_t kCrowded = 192;  // from here on places are freed

  ServiceCounts(Board& board, std::uint64_t seed);

  // True: its cgroup is new, and the publisher has to be told.
  bool count(const Beat& beat);
  void count(const Stall& stall) {
    ++of(stall.cgroup_id).stalls[static_cast<std::size_t>(stall.cause)];
  }
  void count(const Stall& stall, RecoveryOutcome outcome) {
    ++of(stall.cgroup_id).outcomes[static_cast<std::size_t>(outcome)];
  }

  // A census looks at every agent once, in steps. Agents of unknown cgroups get their place then.
  struct Agent {
    std::uint64_t cgroup_id;
    Uid uid;
    vlp::Status status;
    bool is_silent;
    std::uint64_t last_beat_ns;
  };
  void begin_census();
  bool see(const Agent& agent);  // as count(Beat)
  void end_census();
  // Whether places ought to be freed.
  [[nodiscard]] bool wants_census() const { return has_grown_ && used_ >= kCrowded; }

  // The services' figures, with the agents as of the last census.
  void write(Figures& figures);

 private:
  using Number = std::uint16_t;  // of a cgroup
  static constexpr Number kNone = kMaxCgroups;
  static constexpr std::size_t kBuckets = 4 * kMaxCgroups;

  struct Tally {
    std::uint64_t beats;
    std::array<std::uint64_t, kCauses> stalls;
    std::array<std::uint64_t, kOutcomes> outcomes;

    void add(const Tally& other);
  };
  struct Census {
    std::array<std::uint64_t, kStatuses> agents{};
    std::uint64_t silent = 0;
    std::uint64_t oldest_beat_ns = 0;
  };
  // All zero: the place is free.
  struct Cgroup {
    std::uint64_t id;
    Tally tally;        // not yet added to the service's
    std::uint32_t uid;  // of its first agent; 0: root, or not known
    Number service;     // 0: not known (yet), or `other`
    bool was_seen;      // by this census, or it is younger
  };

  [[nodiscard]] std::size_t bucket(std::uint64_t id) const { return id * multiplier_ >> 52; }
  [[nodiscard]] Number find(std::uint64_t id) const;
  [[nodiscard]] Tally& of(std::uint64_t id);
  Number add(std::uint64_t id, const Uid& uid);
  void learn_services();
  void free_unseen();
  void enter(Number number);

  Board& board_;
  const std::uint64_t multiplier_;
  std::array<Number, kBuckets> buckets_;
  const ZeroedPages memory_;
  Cgroup* const cgroups_;  // kMaxCgroups
  std::unordered_map<std::uint32_t, std::size_t> of_uid_;
  std::size_t used_ = 0;
  std::size_t next_ = 0;    // where the next free place is looked for
  bool has_grown_ = false;  // since the last census

  std::array<Tally, kMaxServices> services_{};
  std::array<std::uint64_t, kMaxServices> generations_{};
  std::vector<Census> census_;  // of the present one
  std::array<Census, kMaxServices> last_census_;
};

}  // namespace hb
