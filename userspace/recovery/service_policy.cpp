#include "recovery/service_policy.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/enum_values.hpp"
#include "base/units.hpp"

namespace hb {
namespace {

constexpr const char* kComm = "comm";

constexpr const char* kTrustsComm =
    "a process chooses its comm: any user's may call itself so; match user, unit or cgroup, too";

bool holds(const std::optional<Glob>& wanted, const std::optional<std::string>& text) {
  return !wanted || (text && wanted->matches(*text));
}

bool holds(const std::optional<Glob>& wanted, const Comm& comm) {
  return !wanted || (comm.is_known() && wanted->matches(comm.view()));
}

RecoverOn silence_of(const RecoverOn& on) {
  RecoverOn silence{};
  for (const DownKind kind : {DownKind::Silence, DownKind::Trigger}) {
    if (on.has(kind)) silence.add(kind);
  }
  return silence;
}

bool may_both_hold(const std::optional<Glob>& a, const std::optional<Glob>& b) {
  return !a || !b || a->overlaps(*b);
}

std::string in_ms(std::uint64_t span_ns) { return std::to_string(span_ns / kNsPerMs) + " ms"; }

std::string kinds(const RecoverOn& on) {
  std::string text;
  for (const DownKind kind : kEnumValues<DownKind>) {
    if (on.has(kind)) text += (text.empty() ? "" : ", ") + std::string(name(kind));
  }
  return text.empty() ? "never" : text;
}

// As CommandLine reads it.
std::string quoted(const std::string& word) {
  const bool is_plain = word.find_first_of(" \t'\"\\") == std::string::npos && !word.empty();
  if (is_plain) return word;
  const char quote = word.find('\'') == std::string::npos ? '\'' : '"';
  return quote + word + quote;
}

std::string in_words(const Step& step) {
  if (const int* signal = step.signal()) {
    const char* known = ::sigabbrev_np(*signal);
    const std::string said =
        known != nullptr ? std::string("SIG") + known : std::to_string(*signal);
    return "send " + said + ", wait at most " + in_ms(step.wait_ns);
  }
  std::string text = "run";
  for (const auto& word : step.command()->words()) text += " " + quoted(word);
  return step.wait_ns == 0 ? text : text + ", for at most " + in_ms(step.wait_ns);
}

}  // namespace

std::string whom(const ServiceMatch& match) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (match.unit) add("unit " + match.unit->text());
  if (match.user_unit) add("user unit " + match.user_unit->text());
  if (match.cgroup) add("cgroup " + match.cgroup->text());
  if (match.comm) add("comm " + match.comm->text());
  if (match.uid) add("uid " + std::to_string(*match.uid));
  return text.empty() ? "everybody" : text;
}

std::string describe(const ServicePolicy& policy) {
  const ServiceRules& rules = policy.rules;
  std::string text = "  whom      " + whom(policy.match) + "\n";
  if (policy.match.trusts_comm()) text += "  note      " + std::string(kTrustsComm) + "\n";
  text += "  down by   " + kinds(rules.recover_on) + "\n";
  if (policy.threshold_ns) text += "  silent    after " + in_ms(*policy.threshold_ns) + "\n";
  text += "  settle    " + in_ms(rules.settle_ns) + " after an exit\n";
  std::size_t number = 0;
  for (const Step& step : policy.steps) {
    text += (number == 0 ? "  steps     " : "            ") + std::to_string(number + 1) + ". " +
            in_words(step) + "\n";
    ++number;
  }
  text += "  healthy   when a process beats within " + in_ms(rules.verify_ns) + " and for " +
          in_ms(rules.stable_ns) + "\n";
  if (rules.core_wait_ns != 0) {
    text += "  core dump not disturbed for " + in_ms(rules.core_wait_ns) + "\n";
  }
  text += "  attempts  " + std::to_string(rules.attempts) + "\n";
  if (!policy.budget) return text;
  return text + "  budget    " + std::to_string(policy.budget->acts) + " attempts in " +
         std::to_string(policy.budget->window_ns / kNsPerSecond) + " s\n";
}

const char* ServiceMatch::mismatch(const ServiceFacts& facts, const ProcessFacts& process) const {
  if (!holds(unit, facts.unit)) return "unit";
  if (!holds(user_unit, facts.user_unit)) return "user-unit";
  if (!holds(cgroup, facts.cgroup)) return "cgroup";
  if (uid && uid != process.uid) return "user";
  return holds(comm, process.comm) ? nullptr : kComm;
}

bool ServiceMatch::matches_but_for_comm(const ServiceFacts& facts,
                                        const ProcessFacts& process) const {
  const char* key = mismatch(facts, process);
  return key == nullptr || key == kComm;
}

bool ServiceMatch::overlaps(const ServiceMatch& other) const {
  const bool may_have_one_uid = !uid || !other.uid || uid == other.uid;
  return may_have_one_uid && may_both_hold(unit, other.unit) &&
         may_both_hold(user_unit, other.user_unit) && may_both_hold(cgroup, other.cgroup) &&
         may_both_hold(comm, other.comm);
}

bool ServicePolicy::has_only_signals() const {
  return std::all_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.signal() != nullptr; });
}

Policies::Policies(std::vector<ServicePolicy> policies) {
  for (ServicePolicy& policy : policies) {
    policy.rules.steps = policy.steps.size();
    // No signal helps a process that has ended.
    if (policy.has_only_signals()) policy.rules.recover_on = silence_of(policy.rules.recover_on);
    policies_.push_back(std::make_shared<const ServicePolicy>(std::move(policy)));
  }
}

std::optional<std::uint64_t> Policies::shortest_threshold_ns() const {
  std::optional<std::uint64_t> shortest_ns;
  for (const auto& policy : policies_) {
    if (policy->threshold_ns && (!shortest_ns || *policy->threshold_ns < *shortest_ns)) {
      shortest_ns = policy->threshold_ns;
    }
  }
  return shortest_ns;
}

std::shared_ptr<const ServicePolicy> Policies::find(const ServiceFacts& facts,
                                                    const ProcessFacts& process) const {
  const auto found = std::find_if(policies_.begin(), policies_.end(), [&](const auto& policy) {
    return policy->match.mismatch(facts, process) == nullptr;
  });
  return found != policies_.end() ? *found : nullptr;
}

}  // namespace hb
