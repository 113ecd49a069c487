#include "daemon/run.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/address_space.hpp"
#include "daemon/delivery.hpp"
#include "daemon/descriptors.hpp"
#include "daemon/passed_socket.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/publish_setup.hpp"
#include "daemon/recovery_setup.hpp"
#include "daemon/run_session.hpp"
#include "daemon/succession.hpp"
#include "intake/intake.hpp"
#include "keep/inherited.hpp"
#include "kernel/diagnosis.hpp"
#include "observer/notify_time.hpp"
#include "report/journal.hpp"

namespace hb::daemon {
namespace {

ExitCode give_up(const Error& error) {
  spdlog::error("{}", error.message);
  const bool is_of_memory = error.code == ENOMEM || error.code == EAGAIN;  // EAGAIN: of a thread
  const auto lack = is_of_memory ? lack_of_address_space() : std::nullopt;
  if (lack) spdlog::error("{}", *lack);
  return ExitCode::Failed;
}

ExitCode misconfigured(const Error& error) {
  spdlog::error("{}", error.message);
  return ExitCode::Usage;
}

ExitCode unavailable(const Error& error, const kernel::Config& config) {
  spdlog::error("kernel attestation is not available: {}", error.message);
  for (const auto& finding : kernel::diagnose(config)) {
    if (finding.state != kernel::Finding::State::Failed) continue;
    spdlog::error("{}: {}; {}", finding.check, finding.detail, finding.remedy);
  }
  spdlog::error("`hb-ebpf doctor` shows every check; --attest procfs needs none of them");
  return ExitCode::Unavailable;
}

// nullptr: --attest procfs needs none.
Result<std::unique_ptr<kernel::StampProgram>> load_program(Attest attest,
                                                           const kernel::Config& config) {
  if (attest == Attest::Kernel) return kernel::StampProgram::open(config);
  return std::unique_ptr<kernel::StampProgram>();
}

}  // namespace

ExitCode run(RunConfig config) {
  auto inherited = keep::take_inherited();  // before anything is opened
  auto signals = Signals::take();
  config.log.has_priorities = journal::is_at(STDERR_FILENO);
  open_log(config.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) return give_up(signals.error());
  if (auto set = signals.value().set_requests_apart(); !set) return give_up(set.error());
  auto manager = ServiceManager::take_from_environment();
  auto passed = take_passed_socket(inherited);
  if (!passed) return misconfigured(passed.error());
  if (auto chosen = choose_delivery(config, bool(passed.value())); !chosen) {
    return misconfigured(chosen.error());
  }
  Succession succession(std::move(inherited), std::move(passed).value(), manager, config);
  const auto descriptors = provide_descriptors(config);
  const MonotonicClock clock;
  // Agents of the notify protocol choose their own, of a few.
  if (config.notify_socket) config.recovery.most_thresholds -= kMostNotifyThresholds;
  auto policies = read_policies(config.recovery, config.threshold_ms);
  if (!policies) return misconfigured(policies.error());
  config.policies_threshold_ns = policies.value().shortest_threshold_ns();
  auto recovery = prepare_recovery(config, std::move(policies).value(), descriptors);
  if (!recovery) return give_up(recovery.error());
  auto auth = read_http_auth(config.publish);
  if (!auth) return misconfigured(auth.error());
  auto publisher = start_publisher(config, std::move(auth).value(), recovery.value());
  if (!publisher) return give_up(publisher.error());
  Watchdog watchdog({config.standstill(), config.log, config.recovery.may_run_commands()},
                    signals.value());
  auto keys = intake::read_key_files(config.udp.key_file, config.udp.master_key_file);
  if (!keys) return misconfigured(keys.error());
  intake::IntakeConfig wanted = config.intake_config();
  wanted.is_kept = succession.is_wanted();
  auto intake = succession.go_on(wanted, clock);
  if (!intake) return give_up(intake.error());
  if (intake.value() == nullptr) {
    auto program = load_program(config.attest, wanted.kernel);
    if (!program) return unavailable(program.error(), wanted.kernel);
    intake = intake::Intake::open(wanted, std::move(program).value(), clock.now_ns(),
                                  succession.take_passed());
    if (!intake) return give_up(intake.error());
  }
  const auto udp = intake.value()->open_udp(wanted, std::move(keys).value(), clock.now_ns());
  if (!udp) return give_up(udp.error());
  const auto code =
      observe(config, signals.value(), *intake.value(), succession, std::move(recovery).value(),
              clock, watchdog, manager, publisher.value().get());
  return code ? code.value() : give_up(code.error());
}

}  // namespace hb::daemon
