// ServicePolicy: which agents are a service, when it is taken for down, and what is then done.
// Policies: all of them. A process belongs to the first one that matches it; none matches: nothing
// is done about it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/comm.hpp"
#include "observer/service_facts.hpp"
#include "recovery/act_budget.hpp"
#include "recovery/glob.hpp"
#include "recovery/service.hpp"
#include "recovery/step.hpp"

namespace hb {

// What a policy may ask of a process, beside its service.
struct ProcessFacts {
  std::optional<std::uint32_t> uid;  // real, in the initial user namespace
  Comm comm = {};                    // what it calls itself
};

// All that are given must hold. None given: everybody.
struct ServiceMatch {
  std::optional<Glob> unit;       // of the system's manager
  std::optional<Glob> user_unit;  // of a user's manager, which names its units as it likes
  std::optional<Glob> cgroup;     // its path
  std::optional<Glob> comm;       // what the process calls itself
  std::optional<std::uint32_t> uid;

  // nullptr: it matches; else the key that does not hold. What is not known does not.
  [[nodiscard]] const char* mismatch(const ServiceFacts& facts, const ProcessFacts& process) const;
  // Likewise, whatever the process calls itself.
  [[nodiscard]] bool matches_but_for_comm(const ServiceFacts& facts,
                                          const ProcessFacts& process) const;
  // Whether there may be a process that both match.
  [[nodiscard]] bool overlaps(const ServiceMatch& other) const;
  // Whether a process of any user can have it match, by calling itself (and its unit) so.
  [[nodiscard]] bool trusts_comm() const { return comm && !unit && !cgroup && !uid; }
};

struct ServicePolicy {
  std::string name;  // empty: the one that the flags make
  ServiceMatch match;
  std::optional<std::uint64_t> threshold_ns;  // of its agents; unset: the observer's
  std::optional<ActBudget::Config> budget;    // attempts; unset: as many as all budgets allow
  ServiceRules rules;                         // of its `steps` this is the number
  std::vector<Step> steps;                    // at least one

  [[nodiscard]] bool has_only_signals() const;
};

// Whom it is for: "unit a*.service, uid 33".
[[nodiscard]] std::string whom(const ServiceMatch& match);
// What it says, in words; a line for each part, without its name.
[[nodiscard]] std::string describe(const ServicePolicy& policy);

class Policies {
 public:
  Policies() = default;
  explicit Policies(std::vector<ServicePolicy> policies);

  // nullptr: none. What is returned stays as it is, whatever becomes of the others.
  [[nodiscard]] std::shared_ptr<const ServicePolicy> find(const ServiceFacts& facts,
                                                          const ProcessFacts& process) const;

  // The shortest that a policy sets.
  [[nodiscard]] std::optional<std::uint64_t> shortest_threshold_ns() const;

  [[nodiscard]] const std::vector<std::shared_ptr<const ServicePolicy>>& all() const {
    return policies_;
  }

 private:
  std::vector<std::shared_ptr<const ServicePolicy>> policies_;
};

}  // namespace hb
