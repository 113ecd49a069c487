// The counters of the kernel program and of the pairing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/metric.hpp"
#include "identity/correlator.hpp"
#include "stamp.h"

namespace hb::kernel {

// Why a datagram got no stamp.
[[nodiscard]] constexpr LabelValue label_value(hb_drop reason) {
  switch (reason) {
    case HB_DROP_WRONG_LENGTH: return {"wrong_length", "datagrams of a length that no frame has"};
    case HB_DROP_RING_FULL:
      return {"ring_full", "datagrams for which the stamp ring had no room (--ring-bytes)"};
    case HB_DROP_UNREADABLE:
      return {"unreadable", "datagrams whose sender the kernel program could not read"};
    case HB_DROP_RATE_LIMITED:
      return {"rate_limited", "datagrams of processes that send faster than --max-beat-rate"};
    case HB_DROP_SHARE:
      return {"share",
              "datagrams of users or cgroups that send more than their share (--agents-per-uid)"};
    case HB_DROP_NO_SLOT:
      return {"no_slot",
              "datagrams of new senders, as too many processes send "
              "(--tracker-capacity, --agents-per-uid)"};
    case HB_DROP_DESCRIPTORS:
      return {"descriptors", "datagrams that carried descriptors, which no agent sends"};
    case HB_DROP_NO_BUFFER:
      return {"no_buffer", "notify messages, as too many are being sent at the same instant"};
    case HB_DROP_REASONS: break;
  }
  return {};
}

consteval auto list_drop_reasons() {
  std::array<LabelValue, HB_DROP_REASONS> reasons{};
  for (std::size_t i = 0; i < reasons.size(); ++i)
    reasons[i] = label_value(static_cast<hb_drop>(i));
  return reasons;
}

inline constexpr auto kDropReasons = list_drop_reasons();

// When nobody is sending, attempts == stamps + the drops, and stamps == matched + orphaned +
// waiting.
struct StampCounters {
  static constexpr Metric kAttempts{"stamp_attempts_total", "datagrams",
                                    "datagrams that the kernel program saw being sent"};
  static constexpr Metric kStamps{"stamps_total", "stamps", "stamps that the kernel program wrote"};
  static constexpr Metric kDropped{"stamps_dropped_total", "datagrams",
                                   "datagrams that the kernel program wrote no stamp for", "reason",
                                   kDropReasons};
  static constexpr Metric kKeptUnstamped{
      "stamps_kept_unstamped_total", "datagrams",
      "datagrams for whose stamp the ring had no room, and which were queued without one"};
  static constexpr Metric kReceiptsLost{
      .name = "receipts_lost_total",
      .unit = "receipts",
      .help = "receipts of datagrams for which the ring had no room (--correlate skb)",
      .loss = "receipts"};
  static constexpr Metric kExits{"exits_reported_total", "processes",
                                 "exits of senders that the kernel program reported"};
  static constexpr Metric kExitsLost{
      .name = "exits_lost_total",
      .unit = "processes",
      .help =
          "exits of senders that were not reported: their ring was full, or the kernel skipped the "
          "program; found by silence instead",
      .loss = "exits_lost"};
  hb_counters kernel;

  CorrelatorCounters correlator;

  static constexpr Metric kWaiting{"stamps_waiting", "stamps",
                                   "stamps that are neither paired with a frame nor expired"};
  std::uint64_t waiting = 0;

  static constexpr Metric kMalformed{
      "stamps_malformed_total", "records",
      "ring records of a wrong size or version, not counted as stamps"};
  std::uint64_t malformed = 0;
};

}  // namespace hb::kernel
