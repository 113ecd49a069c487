#include "daemon/policy_source.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/units.hpp"
#include "daemon/policy_file.hpp"
#include "daemon/trusted_file.hpp"

namespace hb::daemon {
namespace {

const ServicePolicy* find(const Policies& policies, const std::string& name) {
  for (const auto& policy : policies.all()) {
    if (policy->name == name) return policy.get();
  }
  return nullptr;
}

Result<Policies> with_few_thresholds(Policies policies, const RecoveryConfig& options) {
  std::set<std::uint64_t> different;
  for (const auto& policy : policies.all()) {
    if (policy->threshold_ns) different.insert(*policy->threshold_ns);
  }
  if (different.size() <= options.most_thresholds) return policies;
  return Error{*options.policy_file + ": there are more than " +
               std::to_string(options.most_thresholds) +
               " different 'threshold-ms': with --notify-socket there may be no more"};
}

void add(std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; }

}  // namespace

ServiceRules rules_of_flags(const RecoveryConfig& options, std::uint64_t threshold_ms) {
  ServiceRules rules;
  rules.recover_on = options.recover_on;
  rules.attempts = options.attempts;
  rules.settle_ns = options.settle_ms * kNsPerMs;
  rules.verify_ns =
      options.verify_ms.value_or(threshold_ms + ServiceRules::kStartUp_ns / kNsPerMs) * kNsPerMs;
  rules.stable_ns = options.stable_ms * kNsPerMs;
  rules.core_wait_ns = options.core_wait_ms * kNsPerMs;
  return rules;
}

Result<Policies> read_policies(const RecoveryConfig& options, std::uint64_t threshold_ms) {
  const ServiceRules rules = rules_of_flags(options, threshold_ms);
  if (options.policy_file) {
    const auto text = read_trusted_file(*options.policy_file);
    if (!text) return text.error();
    auto policies = parse_policies(text.value(), *options.policy_file, rules);
    if (!policies) return policies.error();
    return with_few_thresholds(Policies(std::move(policies).value()), options);
  }
  ServicePolicy everybody;
  everybody.rules = rules;
  if (options.signal) everybody.steps.push_back({*options.signal});
  if (options.command) everybody.steps.push_back({*options.command});
  return Policies({std::move(everybody)});
}

std::string difference(const Policies& before, const Policies& after) {
  std::string added;
  std::string changed;
  std::string gone;
  for (const auto& policy : after.all()) {
    const ServicePolicy* old = find(before, policy->name);
    if (old == nullptr) add(added, policy->name);
    if (old != nullptr && describe(*old) != describe(*policy)) add(changed, policy->name);
  }
  for (const auto& policy : before.all()) {
    if (find(after, policy->name) == nullptr) add(gone, policy->name);
  }
  std::string text;
  for (const auto& [what, names] :
       {std::pair("new: ", added), std::pair("changed: ", changed), std::pair("gone: ", gone)}) {
    if (!names.empty()) text += (text.empty() ? "" : "; ") + (what + names);
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace hb::daemon
