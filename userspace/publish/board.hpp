// Board: what the loop of the observer tells the publisher process, and what that asks for, in
// memory that both share. Plain structs of fixed size; all zero is valid.
//
// The loop writes when somebody has asked lately (asked_ns), but for the instants of its health,
// which it writes at each turn. What the publisher writes is not trusted: the loop compares
// asked_ns with its clock, and takes an answer for no more than a label.
//
// All instants are CLOCK_MONOTONIC, which is the same for both.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "observer/event.hpp"
#include "publish/histogram.hpp"
#include "publish/shared_copy.hpp"
#include "recovery/outcome.hpp"
#include "recovery/service.hpp"
#include "vlp/frame.hpp"

namespace hb {

inline constexpr std::size_t kMaxTotals = 256;
inline constexpr std::size_t kMaxCgroups = 1024;
inline constexpr std::size_t kMaxServices = 256;  // 0: other
inline constexpr std::size_t kMaxAgentsShown = 1024;
inline constexpr std::size_t kServiceName_bytes = 256;  // with the NUL; longer names are cut
inline constexpr std::size_t kCauses = 3;               // StallCause
inline constexpr std::size_t kStatuses = 3;             // vlp::Status
inline constexpr std::size_t kOutcomes = kEnumValues<RecoveryOutcome>.size();

struct ServiceFigures {
  std::uint64_t generation;  // of the number, see Board::Names
  std::uint64_t beats;
  std::array<std::uint64_t, kCauses> stalls;
  std::array<std::uint64_t, kOutcomes> outcomes;
  std::array<std::uint64_t, kStatuses> agents;  // that are not silent
  std::uint64_t silent;
  std::uint64_t
      oldest_beat_ns;  // the last beat of the one that has been without for longest; 0: none
};

// A service that recovery knows, as it is not well or was not lately.
struct NamedState {
  std::array<char, kServiceName_bytes> name;
  std::uint64_t state;  // ServiceState
};

struct Figures {
  std::uint64_t written_ns;
  std::uint64_t start_ns;    // of the observer's time
  std::array<char, 32> run;  // RunStamp
  std::uint64_t agents;
  std::array<std::uint64_t, kMaxTotals / 64> has_total;  // a bit for each
  std::array<std::uint64_t, kMaxTotals> totals;          // by TotalsLayout
  Histogram send_to_event;
  Histogram stall_lag;
  std::array<ServiceFigures, kMaxServices> services;
  std::uint64_t state_count;
  std::array<NamedState, kMaxServices> states;

  [[nodiscard]] std::size_t used_bytes() const {
    return offsetof(Figures, states) + state_count * sizeof(NamedState);
  }
};

struct AgentRow {
  std::uint64_t nonce;
  std::uint64_t last_beat_ns;
  std::uint64_t threshold_ns;  // 0: its silence is not judged
  std::uint64_t cgroup_id;
  std::uint32_t pid;
  std::uint32_t payload;
  std::uint32_t uid;
  std::uint8_t has_uid;
  std::uint8_t is_silent;
  std::uint8_t is_notify;
  std::uint8_t status;  // vlp::Status
  std::uint8_t origin;  // BeatOrigin
  HostAddress host;
  Comm comm;
  std::uint64_t stalls;
};
static_assert(sizeof(AgentRow) == 96);

struct AgentRows {
  std::uint64_t written_ns;
  std::uint64_t count;
  std::array<AgentRow, kMaxAgentsShown> rows;  // the one longest without a beat first

  [[nodiscard]] std::size_t used_bytes() const {
    return offsetof(AgentRows, rows) + count * sizeof(AgentRow);
  }
};

struct Board {
  // Written by the loop at each turn. 0: not yet.
  std::atomic<std::uint64_t> turned_ns;
  std::atomic<std::uint64_t> self_beat_ns;  // when the observer's own frame last came back
  std::atomic<std::uint64_t> is_lost;       // agents cannot reach the socket

  // Written by the publisher: when somebody last wanted to know.
  std::atomic<std::uint64_t> asked_ns;
  std::atomic<std::uint64_t> asked_for_agents_ns;

  SharedCopy<Figures> figures;
  SharedCopy<AgentRows> agents;

  // The cgroups that agents were seen in, by the number that each has in the loop; 0: none.
  std::array<std::atomic<std::uint64_t>, kMaxCgroups> cgroups;

  // Written by the publisher, which finds out the names. A number may be given to another service
  // when none of its agents is left: then its generation is another one.
  struct Names {
    std::array<std::atomic<std::uint64_t>, kMaxCgroups> services;  // service_answer()
    std::array<std::atomic<std::uint64_t>, kMaxServices> generations;
  } names;
};

// The service of a cgroup in one word, so that it is never taken for that of another cgroup.
constexpr std::uint64_t service_answer(std::uint64_t cgroup_id, std::uint16_t service) {
  return cgroup_id << 16 | service;
}
// nullopt: there is no answer yet.
constexpr std::optional<std::uint16_t> service_in(std::uint64_t answer, std::uint64_t cgroup_id) {
  const auto service = static_cast<std::uint16_t>(answer);
  if (answer != service_answer(cgroup_id, service)) return std::nullopt;
  return service < kMaxServices ? service : std::uint16_t{0};
}

}  // namespace hb
