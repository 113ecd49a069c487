#include "recovery/service_policy.hpp"

#include <algorithm>
#include <utility>

namespace hb {
namespace {

bool holds(const std::optional<Glob>& wanted, const std::optional<std::string>& text) {
  return !wanted || (text && wanted->matches(*text));
}

bool may_both_hold(const std::optional<Glob>& a, const std::optional<Glob>& b) {
  return !a || !b || a->overlaps(*b);
}

}  // namespace

bool ServiceMatch::matches(const ServiceFacts& facts,
                           const std::optional<std::uint32_t>& uid_of_process) const {
  const auto& unit_of_process = facts.unit ? facts.unit : facts.user_unit;
  return holds(unit, unit_of_process) && holds(cgroup, facts.cgroup) &&
         (!uid || uid == uid_of_process);
}

bool ServiceMatch::overlaps(const ServiceMatch& other) const {
  const bool may_have_one_uid = !uid || !other.uid || uid == other.uid;
  return may_have_one_uid && may_both_hold(unit, other.unit) && may_both_hold(cgroup, other.cgroup);
}

bool ServicePolicy::has_only_signals() const {
  return std::all_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.signal() != nullptr; });
}

Policies::Policies(std::vector<ServicePolicy> policies) {
  for (ServicePolicy& policy : policies) {
    policy.rules.steps = policy.steps.size();
    policies_.push_back(std::make_shared<const ServicePolicy>(std::move(policy)));
  }
}

std::shared_ptr<const ServicePolicy> Policies::find(const ServiceFacts& facts,
                                                    const std::optional<std::uint32_t>& uid) const {
  const auto found =
      std::find_if(policies_.begin(), policies_.end(),
                   [&](const auto& policy) { return policy->match.matches(facts, uid); });
  return found != policies_.end() ? *found : nullptr;
}

}  // namespace hb
