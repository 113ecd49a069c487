// RecoveryMember: recovery as a member of the run loop, and its voice in the log.
//
// Owns the recovery; borrows observer, clock and trail, which must live as long. Order of calls:
// prepare_recovery() before a key is read, open() before privileges are dropped, begin() when
// everything is open, finish() after the loop. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "daemon/config.hpp"
#include "daemon/loop_member.hpp"
#include "daemon/recovery_setup.hpp"
#include "observer/attempt_watch.hpp"
#include "observer/clock.hpp"
#include "observer/observer.hpp"
#include "observer/reach.hpp"
#include "observer/service_facts.hpp"
#include "recovery/cgroup_services.hpp"
#include "recovery/recovery.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class RecoveryMember final : public LoopMember, public ServiceLookup, private RecoveryListener {
 public:
  // What it has to know of the observer.
  struct ObserverFacts {
    std::optional<std::uint32_t> observer_ns_inode;
    bool allow_cross_namespace = false;
    std::uint64_t threshold_ms = 0;
    std::uint64_t shortest_threshold_ms = 0;  // for which the observer reads often enough
    std::uint64_t tracker_capacity = 0;
    const AttemptWatch* attempts = nullptr;  // borrowed; nullptr: the kernel does not tell
    Reach* reach = nullptr;                  // borrowed
    bool goes_on = false;                    // with what another observer knew: no startup grace
  };

  // nullptr: the options ask for no recovery. `trail`: nullptr when none is kept.
  static Result<std::unique_ptr<RecoveryMember>> open(const RecoveryConfig& options,
                                                      const ObserverFacts& facts,
                                                      PreparedRecovery prepared, Observer& observer,
                                                      const Clock& clock, AuditTrail* trail);

  // Puts the start on record.
  [[nodiscard]] Result<> begin() { return recovery_.begin(); }

  void handle(const Event& event) override;
  [[nodiscard]] const ServiceFacts* service_of(const Stall& stall) const override {
    return recovery_.service_of(stall);
  }
  // SIGHUP: the policy file is read anew, and what was given up is tried again.
  [[nodiscard]] bool has_files() const override { return true; }
  void reopen() override;
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] int fd() const override { return epoll_.get(); }
  [[nodiscard]] Step step() const override { return Step::Recovering; }
  [[nodiscard]] std::uint64_t wake_ns() const override { return recovery_.wake_ns(); }

  // Nothing is begun any more. Waits for the commands that run, for as long as the options say.
  void finish();

  [[nodiscard]] const RecoveryCounters& counters() const { return recovery_.counters(); }

  // Calls f(Services::Served) for each service that is not well, or was not lately.
  template <typename F>
  void for_each_service(F&& f) const {
    recovery_.for_each_service(f);
  }
  // Also tells of what becomes of each act. Once, before the loop runs.
  using Listen = std::function<void(const RecoveryReport&)>;
  void tell_reports_to(Listen listen) { listen_ = std::move(listen); }

 private:
  RecoveryMember(const RecoveryConfig& options, const ObserverFacts& facts, Policies policies,
                 std::unique_ptr<RecoveryMeans> means, std::unique_ptr<CgroupServices> cgroups,
                 Observer& observer, const Clock& clock, AuditTrail* trail);

  void read_policies_anew();
  [[nodiscard]] Result<Policies> read_policies_again() const;
  void set_thresholds();
  // Of what fd() stands for.
  Result<> watch_descriptors();

  void refused(const Stall& stall, RecoveryRefusal reason) override;
  void reported(const RecoveryReport& report) override;
  void changed(const Services::Change& change) override;
  void has_threshold(const ProcessKey& process, std::uint64_t threshold_ns) override;
  void budget_is_exhausted() override;
  void uid_budget_is_exhausted(const Stall& stall) override;
  void is_without_audit(const Error& error) override;
  void is_unprepared(const Error& error) override;

  // As the kernel program saw the signal.
  class KernelCoreDumps final : public CoreDumps {
   public:
    explicit KernelCoreDumps(const AttemptWatch* attempts) : attempts_(attempts) {}
    [[nodiscard]] std::optional<std::uint64_t> since_ns(const Stall& stall) const override;

   private:
    const AttemptWatch* const attempts_;
  };

  const RecoveryConfig options_;
  const ObserverFacts facts_;
  const KernelCoreDumps core_dumps_;
  Observer& observer_;
  Policies policies_;  // as last read
  const std::unique_ptr<CgroupServices> cgroups_;
  Recovery recovery_;
  Fd epoll_;
  bool has_told_problem_ = false;
  Listen listen_;
};

// recovery_total, recovery_refused_total and what else is counted. Of a run without recovery, all
// are 0.
void append_totals(Totals& totals, const RecoveryCounters& counters);

}  // namespace hb::daemon
