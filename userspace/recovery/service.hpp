// Service: the state of one service, and what has to be done next to make it healthy again.
//
// A service is one or more processes that are recovered together: those of a systemd unit, else of
// a cgroup, else a single process (`alone`). It is driven by its state, not by events: what could
// not be done (a budget, the start-up grace) is wanted again until the service is healthy or given
// up.
//
//   Healthy -- exit --> Settling --> Down --> Recovering --> Verifying --> Healthy
//      '------ silence ------------->^                          | no beat, or none that lasts
//                                    '----- after a backoff <---+--> GivenUp (after `attempts`)
//
//   Settling    an exit: within `settle_ns` somebody else may start a new process that beats.
//               Skipped by a service of a single process, which no other process can replace.
//   Down        it is to be acted upon, once its backoff is over and nothing refuses it.
//   Recovering  the steps of an attempt, one after the other.
//   Verifying   for at most `verify_ns` until a process beats that did not before, then for
//               `stable_ns` until it is believed.
//
// Ends of processes while it is Recovering or Verifying are what the attempt did and start nothing
// new. A silent process that beats again, or a new one, ends any state. Successes that do not last
// (flapping) are slowed by the same backoff.
//
// Pure; one thread; the time it is told never goes back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "base/enum_values.hpp"
#include "base/units.hpp"
#include "observer/event.hpp"
#include "recovery/process_key.hpp"

namespace hb {

enum class ServiceState : std::uint8_t {
  Healthy,
  Settling,
  Down,
  Recovering,
  Verifying,
  GivenUp,
};

[[nodiscard]] constexpr const char* name(ServiceState state) {
  switch (state) {
    case ServiceState::Healthy: return "healthy";
    case ServiceState::Settling: return "settling";
    case ServiceState::Down: return "down";
    case ServiceState::Recovering: return "recovering";
    case ServiceState::Verifying: return "verifying";
    case ServiceState::GivenUp: return "given_up";
  }
  return kNoName;
}

// How a process came to be down: what --recover-on names.
enum class DownKind : std::uint8_t {
  Silence,
  Signal,      // ended by a signal that is none of StopSignal's
  Code,        // ended with a code other than 0, or nobody knows how
  StopSignal,  // ended by SIGTERM, SIGINT or SIGHUP, as systemd.service(5) has it: somebody's wish
  Clean,       // ended with code 0
  LastWord,    // the same, after a beat with the terminal nonce, or STOPPING=1
  Trigger,     // it says itself that it has failed (WATCHDOG=trigger)
};

[[nodiscard]] constexpr const char* name(DownKind kind) {
  switch (kind) {
    case DownKind::Silence: return "silence";
    case DownKind::Signal: return "signal";
    case DownKind::Code: return "code";
    case DownKind::StopSignal: return "stop-signal";
    case DownKind::Clean: return "clean";
    case DownKind::LastWord: return "last-word";
    case DownKind::Trigger: return "trigger";
  }
  return kNoName;
}

[[nodiscard]] DownKind down_kind(const Stall& stall);

class RecoverOn {
 public:
  constexpr RecoverOn(std::initializer_list<DownKind> kinds) {
    for (const DownKind kind : kinds) add(kind);
  }
  constexpr void add(DownKind kind) { bits_ |= 1U << static_cast<unsigned>(kind); }
  [[nodiscard]] constexpr bool has(DownKind kind) const {
    return (bits_ >> static_cast<unsigned>(kind) & 1U) != 0;
  }

 private:
  unsigned bits_ = 0;
};

struct ServiceRules {
  // How long a new process may take to its first beat, beside a threshold, unless told otherwise.
  static constexpr std::uint64_t kStartUp_ns = 10 * kNsPerSecond;

  RecoverOn recover_on{DownKind::Silence, DownKind::Signal, DownKind::Code, DownKind::Trigger};
  std::size_t steps = 1;
  std::uint32_t attempts = 5;
  std::uint64_t settle_ns = kNsPerSecond;
  std::uint64_t verify_ns = 12 * kNsPerSecond;
  std::uint64_t stable_ns = 10 * kNsPerSecond;
  std::uint64_t core_wait_ns = 60 * kNsPerSecond;  // a core dump is not disturbed for so long
  std::uint64_t backoff_ns = kNsPerSecond;         // after the first attempt; then it doubles
  std::uint64_t max_backoff_ns = 60 * kNsPerSecond;
};

// What is told of a service, beside its state.
enum class ServiceNews : std::uint8_t {
  WentDown,
  Flapped,             // likewise, soon after it had been recovered
  RecoveredElsewhere,  // healthy again, and not by an attempt
  Stopped,             // its down process ended in a way that is no failure
  Recovered,           // healthy again by an attempt
  Ended,               // its only process has ended; nothing else could be done
  AttemptFailed,
  GaveUp,
};

[[nodiscard]] constexpr const char* name(ServiceNews news) {
  switch (news) {
    case ServiceNews::WentDown: return "went_down";
    case ServiceNews::Flapped: return "flapping";
    case ServiceNews::RecoveredElsewhere: return "recovered_elsewhere";
    case ServiceNews::Stopped: return "stopped";
    case ServiceNews::Recovered: return "recovered";
    case ServiceNews::Ended: return "ended";
    case ServiceNews::AttemptFailed: return "attempt_failed";
    case ServiceNews::GaveUp: return "given_up";
  }
  return kNoName;
}

class Service {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // After a refusal, it is asked again after so long.
  static constexpr std::uint64_t kRetry_ns = kNsPerSecond / 2;
  // Healthy for so many times stable_ns: the next failure is no flapping.
  static constexpr std::uint64_t kCalmTimes = 6;
  // Of so many processes it is remembered that they began after the attempt.
  static constexpr std::size_t kMaxFresh = 16;

  using News = std::optional<ServiceNews>;

  struct DownProcess {
    Stall stall;  // the last one of it
    DownKind kind = DownKind::Silence;
    std::uint32_t attempts = 0;  // that were begun for it
    bool is_refused_for_good = false;
    bool is_fresh = false;  // it began since the attempt did: its end is not the attempt's doing

    [[nodiscard]] ProcessKey process() const { return process_of(stall); }
    [[nodiscard]] bool has_exited() const { return stall.cause == StallCause::Exited; }
  };

  // `rules` must live as long, or until they are replaced. `seed` spreads the backoff of services
  // that fail together.
  Service(const ServiceRules& rules, bool alone, std::uint64_t seed)
      : rules_(&rules), alone_(alone), jitter_(seed | 1) {}

  [[nodiscard]] ServiceState state() const { return state_; }
  [[nodiscard]] std::uint32_t attempt() const { return attempt_; }  // the last one, from 1
  [[nodiscard]] std::size_t step() const { return step_; }
  [[nodiscard]] bool is_idle() const { return state_ == ServiceState::Healthy && strain_ == 0; }

  // A beat of one of its processes: its first (`is_new`), or the first after a silence.
  News heard(const ProcessKey& process, bool is_new, std::uint64_t now_ns);
  // One of its processes is silent or has ended.
  News failed(const Stall& stall, std::uint64_t now_ns);
  // Time has passed. When wake_ns() has come.
  News tick(std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t wake_ns() const;
  // Its processes cannot be heard: whatever time they have to beat begins anew, and no attempt is
  // begun before `grace_ns` from now.
  void wait_longer(std::uint64_t now_ns, std::uint64_t grace_ns);

  // Whether this process is one of those that are down.
  [[nodiscard]] bool is_down(const ProcessKey& process) const;

  // The process that a step is wanted for now; nullptr: none. Then one of the five calls below.
  [[nodiscard]] const DownProcess* wants(std::uint64_t now_ns) const;
  // It is begun; the first step of an attempt begins the attempt.
  void begun(std::uint64_t now_ns);
  // Something that will pass is in the way. Another process may be wanted next.
  void refused(std::uint64_t now_ns);
  // It could not be begun for want of means: not an attempt. Asked again after a backoff.
  void not_begun(std::uint64_t now_ns);
  // Something that will not pass is in the way of this process. The service is given up when that
  // is so for all of its processes that are down.
  News give_up(std::uint64_t now_ns);
  // It need not be done, since what it is for is so already.
  News skipped(std::uint64_t now_ns);

  // Whether a signal, or a command, would still change anything. A process that beats again is not
  // signalled.
  [[nodiscard]] bool signal_is_needed() const;
  [[nodiscard]] bool command_is_needed() const { return !evidence_ || has_silent(); }

  // The step that was begun has ended. The next one is due at `next_ns`, or when the process that
  // it is for has ended.
  News ended(bool was_successful, std::uint64_t now_ns, std::uint64_t next_ns);

  // From now on. While it is healthy or given up.
  void replace_rules(const ServiceRules& rules) { rules_ = &rules; }
  // Whatever it gave up is tried again.
  void reset(std::uint64_t now_ns);

 private:
  void become(ServiceState state, std::uint64_t due_ns);
  News go_down(bool may_settle, std::uint64_t now_ns);
  News become_healthy(ServiceNews news, std::uint64_t now_ns);
  News believe(std::uint64_t now_ns);
  News fail_attempt(std::uint64_t now_ns);
  News finish_attempt(bool was_successful, std::uint64_t now_ns);
  void verify(const ProcessKey& evidence, std::uint64_t now_ns);
  void note_failure(const DownProcess& failure, bool counts);
  void note_begin(const ProcessKey& process);
  void forget_fresh();
  [[nodiscard]] bool is_acted_upon() const;
  void forget_exited();
  void erase(DownProcess* process);
  [[nodiscard]] DownProcess* find(const ProcessKey& process);
  [[nodiscard]] bool has_silent() const;
  [[nodiscard]] const DownProcess* candidate() const;
  News give_up_without_candidate();
  News continue_or_give_up(std::uint64_t due_ns);
  [[nodiscard]] bool target_has_exited() const;
  [[nodiscard]] std::uint64_t backoff_ns();

  const ServiceRules* rules_;
  bool alone_;
  std::uint64_t jitter_;

  ServiceState state_ = ServiceState::Healthy;
  std::uint64_t since_ns_ = 0;
  std::uint64_t due_ns_ = kNever;
  std::uint64_t ready_ns_ = 0;  // when the backoff is over
  std::vector<DownProcess> down_;
  std::optional<DownProcess> target_;   // of the attempt
  std::optional<ProcessKey> evidence_;  // it beats since the attempt began
  std::vector<ProcessKey> fresh_;       // first beat since then; at most kMaxFresh
  std::uint32_t attempt_ = 0;
  std::uint32_t strain_ = 0;  // attempts since it was last healthy for long
  std::uint32_t not_begun_ = 0;
  std::size_t step_ = 0;
  bool is_running_ = false;  // a step
};

}  // namespace hb
