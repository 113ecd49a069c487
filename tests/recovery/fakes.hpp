// A trail, a means and a listener that keep a log of what they were asked; in one log, so that the
// order shows.
#pragma once

#include <cerrno>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "recovery/recovery.hpp"

namespace hb::test {

using Log = std::vector<std::string>;

class FakeTrail final : public AuditTrail {
 public:
  explicit FakeTrail(Log& log) : log_(log) {}

  Result<> append(const AuditRecord& record) override {
    if (fails) return Error{"the disk is full", ENOSPC};
    log_.push_back("record " + words(record));
    records.push_back(record);
    return ok();
  }

  bool fails = false;
  std::vector<AuditRecord> records;

 private:
  static std::string words(const AuditRecord& record) {
    using Kind = AuditRecord::Kind;
    const std::string about = std::to_string(record.pid) + (record.dry_run ? " dry" : "");
    switch (record.kind) {
      case Kind::Boot: return "boot";
      case Kind::Spawn: return "spawn " + about;
      case Kind::Signal: return "signal " + about;
      case Kind::Complete: return record.reason + " " + about;
      case Kind::Refused: return "refused " + record.reason + " " + about;
    }
    return {};
  }

  Log& log_;
};

class FakeMeans final : public RecoveryMeans {
 public:
  explicit FakeMeans(Log& log) : log_(log) {}

  Result<> hear(const Beat& /*beat*/) override {
    if (unprepared) return Error{"no descriptor", EMFILE};
    return ok();
  }
  void forget(const Stall& stall) override { log_.push_back("forget " + of(stall)); }
  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const RecoveryTarget& /*target*/) override {
    return refuses;
  }
  [[nodiscard]] AuditRecord intent(const RecoveryTarget& /*target*/) const override {
    AuditRecord record;
    record.kind = AuditRecord::Kind::Spawn;
    return record;
  }
  std::optional<RecoveryReport> act(const RecoveryTarget& target,
                                    std::uint64_t /*now_ns*/) override {
    log_.push_back("act " + of(target.stall));
    if (target.step.signal() != nullptr) signals.push_back(*target.step.signal());
    ++acts;
    if (!outcome) return std::nullopt;
    return RecoveryReport{*outcome, target.stall};
  }
  std::optional<Ended> next(std::uint64_t /*now_ns*/) override {
    if (ended.empty()) return std::nullopt;
    Ended first = ended.front();
    ended.pop_front();
    return first;
  }

  std::size_t acts = 0;
  std::vector<int> signals;  // of the steps
  bool unprepared = false;
  std::optional<RecoveryRefusal> refuses;
  std::optional<RecoveryOutcome> outcome = RecoveryOutcome::Spawned;
  std::deque<Ended> ended;

 private:
  static std::string of(const Stall& stall) { return std::to_string(stall.pid); }

  Log& log_;
};

class FakeListener final : public RecoveryListener {
 public:
  void has_threshold(const ProcessKey& process, std::uint64_t threshold_ns) override {
    thresholds.emplace_back(process.pid, threshold_ns);
  }
  std::vector<std::pair<std::uint32_t, std::uint64_t>> thresholds;

  explicit FakeListener(Log& log) : log_(log) {}

  void refused(const Stall& /*stall*/, RecoveryRefusal reason) override {
    log_.push_back(std::string("tell refused ") + name(reason));
  }
  void reported(const RecoveryReport& report) override {
    log_.push_back(std::string("tell ") + name(report.outcome));
  }
  void changed(const Services::Change& change) override {
    changes.push_back(change.served->facts.name + " " + name(change.news));
  }
  void budget_is_exhausted() override { log_.emplace_back("tell exhausted"); }
  void uid_budget_is_exhausted(const Stall& stall) override {
    log_.push_back("tell exhausted for " + std::to_string(stall.uid.value_or(0)));
  }
  void is_without_audit(const Error& error) override {
    log_.push_back("tell without audit: " + error.message);
  }
  void is_unprepared(const Error& error) override {
    log_.push_back("tell unprepared: " + error.message);
  }

  Log changes;  // apart from the rest

 private:
  Log& log_;
};

// Answers what it knows, once it is asked.
class FakeNames final : public ServiceNames {
 public:
  void ask(std::uint64_t cgroup_id, std::uint64_t /*now_ns*/) override {
    asked.push_back(cgroup_id);
    waiting_.push_back(cgroup_id);
  }
  std::optional<Answer> next(std::uint64_t /*now_ns*/) override {
    for (const std::uint64_t id : waiting_) {
      const auto found = known_.find(id);
      if (found == known_.end()) continue;
      std::erase(waiting_, id);
      return Answer{found->first, found->second};
    }
    return std::nullopt;
  }
  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] std::uint64_t wake_ns() const override { return ~std::uint64_t{0}; }

  void know(std::uint64_t cgroup_id, const std::string& unit) {
    known_[cgroup_id] = ServiceFacts{unit, unit, std::nullopt, "/system.slice/" + unit};
  }
  void know_nothing_of(std::uint64_t cgroup_id) { known_[cgroup_id] = std::nullopt; }

  std::vector<std::uint64_t> asked;

 private:
  std::vector<std::uint64_t> waiting_;
  std::map<std::uint64_t, std::optional<ServiceFacts>> known_;
};

}  // namespace hb::test
