// The configuration of `hb-ebpf run`. All defaults are here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/audit_log.hpp"
#include "base/result.hpp"
#include "daemon/log.hpp"
#include "daemon/standstill.hpp"
#include "daemon/user.hpp"
#include "intake/config.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/tracker.hpp"
#include "publish/health.hpp"
#include "recovery/act_budget.hpp"
#include "recovery/command_line.hpp"
#include "recovery/service.hpp"
#include "report/event_sink.hpp"
#include "transport/unix_listener.hpp"

namespace hb::daemon {

// What is done on a stall, and its limits.
struct RecoveryConfig {
  // At most one of these; none: no recovery.
  std::optional<CommandLine> command;
  std::optional<int> signal;
  std::optional<std::string> policy_file;
  std::size_t most_thresholds = Thresholds::kMost - 1;  // different ones, in the policy file

  RecoverOn recover_on = ServiceRules{}.recover_on;
  std::uint64_t settle_ms = 1000;
  std::optional<std::uint64_t> verify_ms;  // unset: one threshold and ten seconds
  std::uint64_t stable_ms = 10'000;
  std::uint64_t core_wait_ms = 60'000;
  std::uint32_t attempts = 5;
  std::uint64_t debounce_ms = 1000;
  ActBudget::Config budget;
  std::optional<ActBudget::Config> budget_per_uid;  // unset: a quarter of it
  std::optional<std::uint64_t> startup_grace_ms;    // unset: one threshold
  bool dry_run = false;
  bool audit_required = false;
  bool accept_unauthenticated = false;

  // The following are for a command only.
  bool require_same_uid = false;
  std::uint64_t timeout_ms = 10'000;
  std::uint64_t shutdown_grace_ms = 5'000;
  std::uint64_t output_bytes = 4096;
  std::optional<int> oom_score_adj;  // unset: as the observer was started, but not below 0
  std::vector<std::string> environment;

  [[nodiscard]] bool is_on() const { return command || signal || policy_file; }
  // A policy file may have both, now or when it is read anew.
  [[nodiscard]] bool may_signal() const { return signal || policy_file; }
  [[nodiscard]] bool may_run_commands() const { return command || policy_file; }
  // One for every agent: to signal it, or to learn its present uid.
  [[nodiscard]] bool needs_pidfds() const { return may_signal() || require_same_uid; }
};

// Metrics and health over HTTP, and the status socket: by the publisher process.
struct PublishConfig {
  std::string http_address;  // empty: off
  std::string http_auth_file;
  bool accept_open_metrics = false;  // anybody who can reach the address may read
  std::uint64_t metrics_per_agent = 0;

  std::optional<std::string> status_socket;  // unset: beside the agents' socket, if it can be there
  mode_t status_mode = 0600;
};

enum class Attest { Kernel, Procfs };
enum class EventFormat { Text, Json, None };
enum class WhenFull { Drop, End };

// By name without dashes.
using FlagValues = std::map<std::string, std::vector<std::string>>;

struct RunConfig {
  SocketPlace socket{"/run/hb-ebpf/hb.sock", 0600, std::nullopt};
  std::uint64_t queue_length = 512;
  // Of systemd's notify protocol, with the mode and the group of the agents' socket.
  std::optional<std::string> notify_socket;
  std::uint64_t notify_ring_bytes = std::uint64_t{1} << 20;
  std::uint64_t notify_threshold_max_ms = 3'600'000;

  Attest attest = Attest::Kernel;
  bool correlate_skb = false;
  std::uint64_t ring_bytes = std::uint64_t{1} << 20;
  std::uint64_t stamp_wait_ms = 50;
  std::optional<kernel::Delivery> delivery;        // unset: Socket, or see choose_delivery()
  std::optional<std::uint64_t> drain_interval_ms;  // unset: as the event stream needs it
  std::uint64_t max_beat_rate = 1000;

  intake::UdpConfig udp;

  std::uint64_t threshold_ms = 2000;
  std::optional<std::uint64_t> policies_threshold_ns;  // the shortest of a policy, once it is read
  std::uint64_t tracker_capacity = 4096;
  Eviction eviction = Eviction::Strict;
  std::optional<std::uint64_t> agents_per_uid;  // unset: a quarter of the capacity; 0: any number
  std::optional<std::uint64_t> network_agents;  // unset: half of the capacity; 0: any number
  OriginPrecedence origin_precedence = OriginPrecedence::First;
  bool allow_cross_namespace = false;
  bool strict_namespace = false;

  AuditConfig audit;
  PublishConfig publish;

  EventFormat events = EventFormat::Text;
  std::optional<BeatsShown> beats;  // unset: as the format has it
  WhenFull when_stdout_is_full = WhenFull::Drop;
  std::optional<std::string> export_file;
  LogConfig log;
  std::optional<User> user;
  std::optional<std::uint64_t> shutdown_after_s;
  std::optional<int> nice;  // unset: the highest priority that is permitted
  std::uint64_t self_watchdog_ms = 10'000;
  std::uint64_t unreachable_ms = 30'000;
  bool no_sandbox = false;

  RecoveryConfig recovery;

  // How the configuration came about: all flags that are given, and, if --config is, its file and
  // how both are read again.
  FlagValues flags;
  std::string config_file;
  std::function<Result<RunConfig>()> read_again;

  [[nodiscard]] std::uint64_t threshold_ns() const;
  [[nodiscard]] std::uint64_t shortest_threshold_ms() const;
  [[nodiscard]] BeatsShown beats_shown() const;
  [[nodiscard]] std::uint64_t agents_per_owner() const;
  [[nodiscard]] std::uint64_t agents_on_network() const;
  [[nodiscard]] std::uint64_t default_drain_interval_ms() const;
  [[nodiscard]] intake::SocketPlaces socket_places() const;
  [[nodiscard]] kernel::Config kernel_config() const;
  [[nodiscard]] intake::IntakeConfig intake_config() const;
  [[nodiscard]] Standstill::Config standstill() const;
  [[nodiscard]] std::string status_path() const;  // empty: there is no status socket
  [[nodiscard]] HealthLimits health_limits() const;
};

}  // namespace hb::daemon
