// What `hb-ebpf run` can be told. The defaults are here and nowhere else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/audit_options.hpp"
#include "cli/cli11_fwd.hpp"
#include "cli/log.hpp"
#include "cli/recovery_options.hpp"
#include "cli/standstill.hpp"
#include "cli/udp_options.hpp"
#include "cli/user.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/tracker.hpp"
#include "report/event_sink.hpp"
#include "transport/unix_listener.hpp"

namespace hb::cli {

enum class Attest { Kernel, Procfs };
enum class EventFormat { Text, Json, None };
enum class WhenFull { Drop, End };

struct RunOptions {
  SocketPlace socket{"/run/hb-ebpf/hb.sock", 0600, std::nullopt};
  std::uint64_t queue_length = 512;

  Attest attest = Attest::Kernel;
  bool correlate_skb = false;
  std::uint64_t ring_bytes = std::uint64_t{1} << 20;
  std::uint64_t stamp_wait_ms = 50;
  kernel::Delivery delivery = kernel::Delivery::Socket;
  std::optional<std::uint64_t> drain_interval_ms;  // unset: as the event stream needs it
  std::uint64_t max_beat_rate = 1000;

  UdpOptions udp;

  std::uint64_t threshold_ms = 2000;
  std::uint64_t tracker_capacity = 4096;
  Eviction eviction = Eviction::Strict;
  std::optional<std::uint64_t> agents_per_uid;  // unset: a quarter of the capacity; 0: any number
  bool allow_cross_namespace = false;
  bool strict_namespace = false;

  AuditOptions audit;

  EventFormat events = EventFormat::Text;
  std::optional<BeatsShown> beats;  // unset: as the format has it
  WhenFull when_stdout_is_full = WhenFull::Drop;
  std::optional<std::string> export_file;
  LogOptions log;
  std::optional<User> user;
  std::optional<std::uint64_t> shutdown_after_s;
  std::optional<int> nice;  // unset: the highest priority, if it is to be had
  std::uint64_t self_watchdog_ms = 10'000;

  RecoveryOptions recovery;

  [[nodiscard]] std::uint64_t threshold_ns() const;
  [[nodiscard]] BeatsShown beats_shown() const;
  [[nodiscard]] std::uint64_t agents_per_owner() const;
  [[nodiscard]] kernel::Config kernel_config() const;
  [[nodiscard]] Standstill::Config standstill() const;
};

// Declares every flag, in groups; parsing fills what is returned.
[[nodiscard]] std::shared_ptr<RunOptions> declare_run_options(CLI::App& run);

// Throws CLI::ValidationError for flags that are right by themselves but not together.
void check_together(const RunOptions& options);

}  // namespace hb::cli
