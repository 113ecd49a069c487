// Recovery: drives every service whose agents are silent or have ended towards being healthy
// (service.hpp). Decides by the policy, keeps the record, acts by the means, counts, and tells a
// listener.
//
//   stall -> service -> is a step wanted? -> policy -> means.refusal() -> audit trail
//         -> means.act() -> how it ended -> service
//
// What is refused only for now is asked again while the service is down. A refusal is counted, told
// and recorded when it is the first one, or another one than before.
//
// Every decision is recorded before it is acted on, and again when the act has ended. When no
// record can be written, either nothing is acted upon (audit_required), or it is, and the loss is
// counted and told. In a dry run everything happens but the act, and the service is left as it is.
//
// While agents cannot reach the observer nothing is done, nor for one threshold afterwards: a
// process that was restarted meanwhile may not have been heard.
//
// Only so many refusals a second are recorded, the others are counted: a record takes the disk's
// time, and whoever may beat can cause as many refusals as he likes. Acts have the budget.
//
// Borrows clock, names (nullptr: each process is a service of its own), trail (nullptr: nothing is
// recorded) and listener; owns policy and means. One thread. Blocks only in finish(), and for as
// long as the trail takes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/metric.hpp"
#include "observer/clock.hpp"
#include "observer/counters.hpp"
#include "observer/event.hpp"
#include "observer/reach.hpp"
#include "recovery/audit_trail.hpp"
#include "recovery/outcome.hpp"
#include "recovery/recovery_means.hpp"
#include "recovery/recovery_policy.hpp"
#include "recovery/services.hpp"

namespace hb {

// Interface: which processes may be writing a core dump.
class CoreDumps {
 public:
  virtual ~CoreDumps() = default;

  // Since when a silent process has been ending by a signal that dumps core (CLOCK_MONOTONIC).
  // Empty: there was none, it has ended, or it is not known.
  [[nodiscard]] virtual std::optional<std::uint64_t> since_ns(const Stall& stall) const = 0;
};

class RecoveryListener {
 public:
  virtual ~RecoveryListener() = default;

  virtual void refused(const Stall& stall, RecoveryRefusal reason) = 0;
  virtual void reported(const RecoveryReport& report) = 0;
  virtual void changed(const Services::Change& change) = 0;
  // A process has begun to beat whose service has this threshold.
  virtual void has_threshold(const ProcessKey& process, std::uint64_t threshold_ns) = 0;
  // At the first refusal after acts were still allowed.
  virtual void budget_is_exhausted() = 0;
  // The same for the agents of this one's user.
  virtual void uid_budget_is_exhausted(const Stall& stall) = 0;
  // The first record lost after the last one that was not.
  virtual void is_without_audit(const Error& error) = 0;
  // Once: an agent could not be prepared for, and will not be acted upon as long as that is so.
  virtual void is_unprepared(const Error& error) = 0;
};

struct RecoveryCounters {
  static constexpr Metric kOutcomes{
      "recovery_total", "outcomes",
      "what became of acts; a command counts as it starts and as it ends", "outcome",
      kLabelValues<RecoveryOutcome>};
  CountBy<RecoveryOutcome> outcomes;

  static constexpr Metric kRefusals{"recovery_refused_total", "refusals",
                                    "reasons for which a stall was not acted upon at once",
                                    "reason", kLabelValues<RecoveryRefusal>};
  CountBy<RecoveryRefusal> refusals;

  static constexpr Metric kChanges{"recovery_services_total", "changes",
                                   "changes of services that are recovered", "change",
                                   kLabelValues<ServiceNews>};
  CountBy<ServiceNews> changes;

  static constexpr Metric kUnaudited{.name = "recovery_unaudited_total",
                                     .unit = "records",
                                     .help = "records of recovery that could not be kept",
                                     .loss = "audit_records"};
  std::uint64_t unaudited = 0;

  static constexpr Metric kUnrecorded{"recovery_unrecorded_total", "refusals",
                                      "refusals beyond what is put on record"};
  std::uint64_t unrecorded = 0;

  static constexpr Metric kUnprepared{"recovery_unprepared_total", "beats",
                                      "beats whose process no descriptor could be had for"};
  std::uint64_t unprepared = 0;
};

class Recovery {
 public:
  struct Config {
    RecoveryPolicy::Config policy;
    Services::Config services;
    const CoreDumps* core_dumps = nullptr;  // borrowed; nullptr: none is known of
    Reach* reach = nullptr;                 // borrowed; nullptr: agents reach the observer always
    std::uint64_t threshold_ns = 0;         // in which agents beat when they can reach it again
    bool dry_run = false;
    bool audit_required = false;
  };

  Recovery(const Config& config, std::unique_ptr<RecoveryMeans> means, ServiceNames* names,
           const Clock& clock, AuditTrail* trail, RecoveryListener& listener);

  // The record's first line. The Error: it cannot be kept, and is required.
  [[nodiscard]] Result<> begin();

  void hear(const Beat& beat);
  void handle(const Stall& stall);

  // What was begun and has come to its end, what is answered, and what is due. When fd() or the
  // names' is readable, or wake_ns() has come.
  void tick(std::uint64_t now_ns);
  [[nodiscard]] int fd() const { return means_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const;

  // What was given up is tried again, and services that go down from now on go by `policies`.
  void reset();
  void replace_policies(Policies policies) {
    services_.replace_policies(std::move(policies));
    means_->policies_have_changed();
  }
  // See Services.
  [[nodiscard]] std::uint64_t threshold_ns(std::uint64_t cgroup_id, const ProcessKey& process,
                                           const ProcessFacts& facts) const {
    return services_.threshold_ns(cgroup_id, process, facts);
  }

  // nullptr: it is not known, or not yet; or it is the process itself.
  [[nodiscard]] const ServiceFacts* service_of(const Stall& stall) const {
    return services_.facts(stall.cgroup_id);
  }

  // Calls f(Services::Served) for each service that is not well, or was not lately.
  template <typename F>
  void for_each_service(F&& f) const {
    services_.for_each(f);
  }

  // Nothing new from now on. Blocks until what runs has ended, at most `grace_ns`; then kills it.
  void finish(std::uint64_t grace_ns);

  [[nodiscard]] std::size_t running() const { return means_->running(); }
  [[nodiscard]] const RecoveryCounters& counters() const { return counters_; }

 private:
  using Served = Services::Served;

  // Acts for every service that wants it and may be acted upon.
  void take(const Stall& stall, std::optional<RecoveryRefusal> for_good, std::uint64_t now_ns);
  [[nodiscard]] std::optional<RecoveryRefusal> refusal_for_good(const Stall& stall,
                                                                std::uint64_t now_ns);
  void drive(std::uint64_t now_ns);
  void drive(Served& served, std::uint64_t now_ns);
  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const Served& served,
                                                       const RecoveryTarget& target,
                                                       std::uint64_t now_ns);
  [[nodiscard]] bool may_dump_core(const Served& served, const Stall& stall,
                                   std::uint64_t now_ns) const;
  void refuse(Served& served, const RecoveryTarget& target, RecoveryRefusal reason,
              std::uint64_t now_ns);
  void tell_refusal(const Stall& stall, RecoveryRefusal reason, std::uint64_t now_ns);
  void act(Served& served, const RecoveryTarget& target, std::uint64_t now_ns);
  void tell_if_exhausted(const Stall& stall, RecoveryRefusal reason);
  // Of all budgets, for a whole attempt.
  void pay(Served& served, const Stall& stall, std::uint64_t now_ns);
  void give_back(Served& served, const Stall& stall, std::uint64_t now_ns);
  void not_begun(Served& served, std::uint64_t now_ns);
  void report(RecoveryReport report);
  void deny(DeniedAct denied, std::uint64_t now_ns);
  void end(RecoveryReport report, std::uint64_t now_ns);
  void tell_changes();
  void wait_for_reach(std::uint64_t now_ns);
  void wait_for_running(std::uint64_t until_ns);

  // Whether the record was kept, or none is wanted.
  bool keep(AuditRecord record, const Stall& stall);
  bool keep(AuditRecord record, const RecoveryTarget& target);
  bool keep(const AuditRecord& record);

  const Config config_;
  const std::unique_ptr<RecoveryMeans> means_;
  const Clock& clock_;
  AuditTrail* const trail_;
  RecoveryListener& listener_;

  RecoveryPolicy policy_;
  Services services_;
  ActBudget records_of_refusals_;
  RecoveryCounters counters_;
  bool ending_ = false;
  // Told once, until it is otherwise.
  bool exhausted_ = false;
  bool without_audit_ = false;
  bool unprepared_ = false;
  bool was_lost_ = false;  // at the last tick agents could not reach the observer
};

}  // namespace hb
