// RecoveryFlow: a Recovery whose clock, trail, means and listener are the test's, and a log of what
// they were asked. Helpers for services and steps.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "recovery/recovery.hpp"
#include "tests/observer/fake_clock.hpp"
#include "tests/recovery/fakes.hpp"
#include "tests/recovery/stalls.hpp"

namespace hb::test {

inline constexpr std::uint64_t kSecond = 1'000'000'000;

inline const Step kAbort{SIGABRT, 5 * kSecond};
inline const Step kKill{SIGKILL, kSecond};

inline constexpr std::uint64_t kCgroup = 42;
inline constexpr std::uint64_t kCgroupAfterwards = 43;  // systemd makes another one at each start

inline Stall crash_of(std::uint32_t pid, std::uint64_t cgroup_id = kCgroup) {
  Stall stall = stall_of(pid);
  stall.cause = StallCause::Exited;
  stall.exit.signal = 11;
  stall.cgroup_id = cgroup_id;
  return stall;
}

inline Stall silence_of(std::uint32_t pid) {
  Stall stall = stall_of(pid);
  stall.cgroup_id = kCgroup;
  return stall;
}

class RecoveryFlow : public testing::Test {
 protected:
  RecoveryFlow() { restart({}); }

  void restart(Recovery::Config config) {
    if (config.services.policies.all().empty()) config.services.policies = with_steps({kAnyStep});
    config.policy.observer_ns_inode = kHome;
    config.policy.budget = {.acts = 2, .window_ns = 60 * kSecond};
    if (!config.policy.budget_per_uid) {
      config.policy.budget_per_uid = {.acts = 100, .window_ns = 60 * kSecond};
    }
    auto means = std::make_unique<FakeMeans>(log_);
    means_ = means.get();
    recovery_.emplace(config, std::move(means), &names_, clock_, &trail_, listener_);
  }

  static Policies with_steps(std::vector<Step> steps) {
    ServicePolicy everybody;
    everybody.steps = std::move(steps);
    return Policies({std::move(everybody)});
  }

  Log on(const Stall& stall) {
    log_.clear();
    recovery_->handle(stall);
    return std::exchange(log_, {});
  }
  Log on_stall_of(std::uint32_t pid) { return on(stall_of(pid)); }

  std::uint64_t count(RecoveryOutcome outcome) { return recovery_->counters().outcomes[outcome]; }
  std::uint64_t count(RecoveryRefusal reason) { return recovery_->counters().refusals[reason]; }

  // A beat that is its process's first.
  void first_beat_of(std::uint32_t pid, std::uint64_t cgroup_id = 0) {
    Beat beat = beat_of(pid, 5, clock_.now_ns());
    beat.first_or_changed = beat.is_first = true;
    beat.cgroup_id = cgroup_id;
    recovery_->hear(beat);
  }
  void end_with(RecoveryOutcome outcome, std::uint32_t pid) {
    means_->ended.push_back(RecoveryReport{outcome, stall_of(pid)});
    recovery_->tick(clock_.now_ns());
  }
  void deny(std::uint32_t pid) {
    means_->ended.push_back(
        DeniedAct{RecoveryRefusal::CredentialsChanged, stall_of(pid), clock_.now_ns(), {}});
    recovery_->tick(clock_.now_ns());
  }
  Log pass(std::uint64_t span_ns) {
    log_.clear();
    clock_.advance(span_ns);
    recovery_->tick(clock_.now_ns());
    return std::exchange(log_, {});
  }

  Log log_;
  FakeNames names_;
  FakeClock clock_{kSecond};
  FakeTrail trail_{log_};
  FakeListener listener_{log_};
  FakeMeans* means_ = nullptr;
  std::optional<Recovery> recovery_;
};

}  // namespace hb::test
