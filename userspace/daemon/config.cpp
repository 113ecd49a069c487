#include "daemon/config.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kLongestCalm_ms = Standstill::Config{}.calm_ms;
constexpr std::uint64_t kLongestTurn_ms = 5'000;
// An idle loop turns twice a second, and checks its reach once.
constexpr std::uint64_t kShortestBound_ms = 1'500;

}  // namespace

std::uint64_t RunConfig::threshold_ns() const { return threshold_ms * kNsPerMs; }

std::uint64_t RunConfig::shortest_threshold_ms() const {
  return std::min(threshold_ns(), policies_threshold_ns.value_or(threshold_ns())) / kNsPerMs;
}

BeatsShown RunConfig::beats_shown() const {
  return beats.value_or(events == EventFormat::Json ? BeatsShown::All : BeatsShown::Changes);
}

std::uint64_t RunConfig::agents_per_owner() const {
  return agents_per_uid.value_or(std::max<std::uint64_t>(1, tracker_capacity / 4));
}

std::uint64_t RunConfig::agents_on_network() const {
  return network_agents.value_or(std::max<std::uint64_t>(1, tracker_capacity / 2));
}

// As those need it who are told of beats: exits and stalls do not wait. Recovery is told when a
// service beats again, and the export file has every beat. Frames that wait must not delay the
// detection of a silence.
std::uint64_t RunConfig::default_drain_interval_ms() const {
  const BeatsShown shown = events == EventFormat::None ? BeatsShown::None : beats_shown();
  const bool are_unseen = shown == BeatsShown::None && !export_file && !recovery.is_on();
  const std::uint64_t needed_ms = shown == BeatsShown::All ? 5 : are_unseen ? 500 : 100;
  return std::clamp<std::uint64_t>(shortest_threshold_ms() / 4, 1, needed_ms);
}

intake::SocketPlaces RunConfig::socket_places() const {
  intake::SocketPlaces places{socket, std::nullopt};
  if (user) places.agents.run_as_uid = user->uid;
  if (!notify_socket) return places;
  places.notify = places.agents;
  places.notify->path = *notify_socket;
  return places;
}

kernel::Config RunConfig::kernel_config() const {
  kernel::Config config;
  config.ring_bytes = ring_bytes;
  config.correlate_skb = correlate_skb;
  config.stamp_wait_ns = stamp_wait_ms * kNsPerMs;
  config.queue_length = queue_length;
  config.delivery = delivery.value_or(kernel::Delivery::Socket);
  config.drain_interval_ns = drain_interval_ms.value_or(default_drain_interval_ms()) * kNsPerMs;
  config.max_beat_rate = max_beat_rate;
  config.senders = std::max<std::size_t>(config.senders, 2 * tracker_capacity);
  config.agents_per_owner = agents_per_owner();
  config.note_ring_bytes = notify_socket ? notify_ring_bytes : 0;
  return config;
}

intake::IntakeConfig RunConfig::intake_config() const {
  return {.kernel = kernel_config(), .udp = udp, .threshold_ns = threshold_ns()};
}

// A blocked loop must be noticed long before its agents appear to be silent.
Standstill::Config RunConfig::standstill() const {
  return {
      .limit_ms = self_watchdog_ms,
      .calm_ms = std::clamp(shortest_threshold_ms() / 4, Standstill::kAlert_ms, kLongestCalm_ms),
      .commands_ms = recovery.is_on() ? recovery.shutdown_grace_ms : 0};
}

std::string RunConfig::status_path() const {
  if (publish.status_socket) return *publish.status_socket == "none" ? "" : *publish.status_socket;
  const auto slash = socket.path.rfind('/');
  return (slash == std::string::npos ? "" : socket.path.substr(0, slash + 1)) + "status.sock";
}

// Before the watchdog ends it, somebody may ask.
HealthLimits RunConfig::health_limits() const {
  const std::uint64_t turn_ms =
      self_watchdog_ms == 0 ? kLongestTurn_ms
                            : std::clamp(self_watchdog_ms / 2, kShortestBound_ms, kLongestTurn_ms);
  return {.turn_ns = turn_ms * kNsPerMs,
          .self_beat_ns = std::max(threshold_ms, kShortestBound_ms) * kNsPerMs};
}

}  // namespace hb::daemon
