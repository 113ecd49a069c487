// Services: the services that are not well, and which process belongs to which.
//
// A service is added when one of its processes fails, and removed when it has been healthy for
// long, or when it was a single process of which nothing more is expected. Which service a process
// belongs to is asked at its first beat, while it lives: the cgroup of a unit that has failed is
// gone with it.
//
// What happens meanwhile is held until the answer is there. Bounded: at most `capacity` services
// are remembered, of them at most a quarter for one uid other than 0; then the one is forgotten
// that was given up first. If there is none, fail() refuses, and the caller tells. One thread;
// allocates for failures, not for beats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "observer/event.hpp"
#include "recovery/known_cgroups.hpp"
#include "recovery/service.hpp"
#include "recovery/service_names.hpp"
#include "recovery/service_policy.hpp"

namespace hb {

class Services {
 public:
  struct Config {
    Policies policies;
    std::size_t capacity = 4096;
    std::uint64_t seed = 0;
  };

  struct Served {
    std::string key;
    ServiceFacts facts;
    std::shared_ptr<const ServicePolicy> policy;  // its rules are the service's
    Service service;
    bool alone;
    bool has_ended;                          // its only process
    ProcessFacts first;                      // the process that failed first
    std::optional<ProcessKey> acting_on;     // of the step that runs
    std::optional<ActBudget> budget;         // of its policy
    bool is_paid = false;                    // the attempt has been taken from the budgets
    bool has_acted = false;                  // a step of the attempt has been taken
    std::uint8_t told_refusal = kNoRefusal;  // the last one that was told, since its last act

    static constexpr std::uint8_t kNoRefusal = 255;
  };

  struct Change {
    Served* served;
    ServiceNews news;
    std::uint32_t attempt;  // that it is about
  };

  // `names`: nullptr where no cgroup can be named; every process is then a service of its own.
  Services(const Config& config, ServiceNames* names);

  void hear(const Beat& beat, std::uint64_t now_ns);
  enum class Taken : std::uint8_t {
    Yes,
    Unwanted,  // it concerns no service that is known to be down, and may not make one
    Full,      // too many are remembered
  };
  // `may_begin`: a service may go down by this; false where nothing could ever be done about it.
  [[nodiscard]] Taken fail(const Stall& stall, bool may_begin, std::uint64_t now_ns);
  void tick(std::uint64_t now_ns);
  // See Service::wait_longer().
  void wait_longer(std::uint64_t now_ns, std::uint64_t grace_ns);
  [[nodiscard]] std::uint64_t wake_ns() const;

  // What has changed since the last call. Before tick() is called again.
  std::optional<Change> take();

  // A process whose service has a threshold of its own.
  struct Threshold {
    ProcessKey process;
    std::uint64_t ns;
  };
  // The next one that has begun to beat since the last call. Bounded like what is held.
  std::optional<Threshold> take_threshold();
  // Of a process that beats already, by the present policies; 0: the observer's.
  [[nodiscard]] std::uint64_t threshold_ns(std::uint64_t cgroup_id, const ProcessKey& process,
                                           const ProcessFacts& facts) const;

  // Of a cgroup; nullptr: not known.
  [[nodiscard]] const ServiceFacts* facts(std::uint64_t cgroup_id) const {
    return known_.facts(cgroup_id);
  }

  // Calls f(Served) for each that is remembered.
  template <typename F>
  void for_each(F&& f) const {
    for (const auto& served : served_) f(*served);
  }

  // The next service that wants a step now; each once in a round that begins with begin_round().
  void begin_round() { next_ = 0; }
  [[nodiscard]] Served* next_wanting(std::uint64_t now_ns);
  // Whose step this is.
  [[nodiscard]] Served* acting_on(const ProcessKey& process);
  // News of a service that the caller has told something.
  void note(Served& served, Service::News news);

  // Services that are down, and neither healthy nor given up, go by theirs until they are. One that
  // no policy matches any more is forgotten.
  void replace_policies(Policies policies);
  // All that is given up is tried again.
  void reset(std::uint64_t now_ns);

  [[nodiscard]] std::size_t size() const { return served_.size(); }
  // Stalls that wait for the answer which service it is.
  [[nodiscard]] std::size_t held() const { return held_count_; }

 private:
  struct Heard {
    ProcessKey process;
    ProcessFacts facts;
    bool is_first;
  };

  // What came of a process whose service is not known yet.
  struct Held {
    std::optional<Stall> stall;  // else a first beat
    bool may_begin = false;
    ProcessKey process;
    ProcessFacts facts;
  };

  static constexpr std::size_t kMaxHeld = 4096;  // of one uid other than 0: a quarter

  void ask(const Beat& beat, std::uint64_t now_ns);
  [[nodiscard]] bool hold(std::uint64_t cgroup_id, Held held);
  void deliver(std::uint64_t cgroup_id, const Held& held, std::uint64_t now_ns);
  void answer(const ServiceNames::Answer& answer, std::uint64_t now_ns);
  void deliver_beat(std::uint64_t cgroup_id, const Heard& heard, std::uint64_t now_ns);
  void has_begun(std::uint64_t cgroup_id, const ProcessKey& process, const ProcessFacts& facts);
  [[nodiscard]] Taken deliver_stall(const Stall& stall, bool may_begin, std::uint64_t now_ns);
  [[nodiscard]] Served* find(std::uint64_t cgroup_id, const ProcessKey& process,
                             const ProcessFacts& facts);
  [[nodiscard]] Served* find_acted_upon(std::uint64_t cgroup_id, const Heard& heard);
  template <typename F>
  [[nodiscard]] Served* find_if(std::uint64_t cgroup_id, const ProcessKey& process, F f);
  void forget(const Served& served);
  void replace_policy(Served& served);
  static void set_budget(Served& served, const ServicePolicy& policy);
  [[nodiscard]] ServiceFacts facts_of(std::uint64_t cgroup_id, const ProcessKey& process) const;
  [[nodiscard]] Served* make(const Stall& stall, ServiceFacts facts,
                             std::shared_ptr<const ServicePolicy> policy);
  [[nodiscard]] bool make_room_for(const std::optional<std::uint32_t>& uid);
  [[nodiscard]] bool is_told_of(const Served& served) const;
  void forget_idle();
  [[nodiscard]] bool is_done(const Served& served) const;

  const Config config_;
  Policies policies_;
  bool has_thresholds_ = false;
  ServiceNames* const names_;
  KnownCgroups known_;
  std::unordered_map<std::uint64_t, std::vector<Held>> held_;  // by cgroup
  std::size_t held_count_ = 0;
  std::map<std::optional<std::uint32_t>, std::size_t> held_by_uid_;
  bool may_be_idle_ = false;  // a service: something has happened to it
  std::vector<std::unique_ptr<Served>> served_;
  // Several of a name: a unit's processes may belong to several policies.
  std::unordered_multimap<std::string, Served*> by_name_;
  std::deque<Change> changes_;
  std::deque<Threshold> thresholds_;
  std::size_t next_ = 0;
  std::size_t first_ = 0;  // where a round begins, so that nobody is always last
  std::uint64_t seeds_ = 0;
  std::uint64_t now_ns_ = 0;  // of the last tick
};

}  // namespace hb
