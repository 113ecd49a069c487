#include "recovery/services.hpp"

#include <algorithm>
#include <utility>

namespace hb {
namespace {

constexpr std::uint64_t kRootCgroup = 1;  // of everybody whom nobody has placed

std::string own_name(const ProcessKey& process) { return "process " + std::to_string(process.pid); }

ProcessFacts facts_about(const Beat& beat) { return {beat.uid, beat.comm}; }
ProcessFacts facts_about(const Stall& stall) { return {stall.uid, stall.comm}; }

// Unlike its name, different for each process that had the pid.
std::string own_key(const ProcessKey& process) {
  return own_name(process) + " " + std::to_string(process.generation_ns);
}

}  // namespace

Services::Services(const Config& config, ServiceNames* names)
    : config_(config), names_(names), known_(config.capacity), seeds_(config.seed) {
  replace_policies(config.policies);
}

void Services::hear(const Beat& beat, std::uint64_t now_ns) {
  if (!beat.first_or_changed) return;
  if (beat.is_first) ask(beat, now_ns);
  if (served_.empty() && held_.empty() && !has_thresholds_) return;
  const ProcessKey process{beat.pid, beat.generation_ns};
  if (!known_.is_pending(beat.cgroup_id)) {
    if (beat.is_first) has_begun(beat.cgroup_id, process, facts_about(beat));
    deliver_beat(beat.cgroup_id, {process, facts_about(beat), beat.is_first}, now_ns);
  } else if (beat.is_first) {
    // Without room for it the service is taken for down until its next beat that is told, and the
    // process has the observer's threshold.
    [[maybe_unused]] const bool is_held =
        hold(beat.cgroup_id, {std::nullopt, false, process, facts_about(beat)});
  }
}

Services::Taken Services::fail(const Stall& stall, bool may_begin, std::uint64_t now_ns) {
  if (stall.cause == StallCause::Exited) known_.ended(stall.cgroup_id);
  if (!known_.is_pending(stall.cgroup_id)) return deliver_stall(stall, may_begin, now_ns);
  if (!hold(stall.cgroup_id, {stall, may_begin, process_of(stall), facts_about(stall)})) {
    return Taken::Full;
  }
  return may_begin ? Taken::Yes : Taken::Unwanted;
}

void Services::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  while (names_ != nullptr) {
    const auto answered = names_->next(now_ns);
    if (!answered) break;
    answer(*answered, now_ns);
  }
  for (const auto& served : served_) note(*served, served->service.tick(now_ns));
  may_be_idle_ = true;
}

void Services::wait_longer(std::uint64_t now_ns, std::uint64_t grace_ns) {
  for (const auto& served : served_) served->service.wait_longer(now_ns, grace_ns);
}

std::uint64_t Services::wake_ns() const {
  std::uint64_t first_ns = names_ != nullptr ? names_->wake_ns() : Service::kNever;
  for (const auto& served : served_) first_ns = std::min(first_ns, served->service.wake_ns());
  return first_ns;
}

std::optional<Services::Change> Services::take() {
  if (changes_.empty()) {
    if (std::exchange(may_be_idle_, false)) forget_idle();
    return std::nullopt;
  }
  const Change change = changes_.front();
  changes_.pop_front();
  return change;
}

Services::Served* Services::next_wanting(std::uint64_t now_ns) {
  for (; next_ < served_.size(); ++next_) {
    Served* served = served_[(first_ + next_) % served_.size()].get();
    if (served->service.wants(now_ns) == nullptr) continue;
    ++next_;
    return served;
  }
  if (!served_.empty()) first_ = (first_ + 1) % served_.size();
  return nullptr;
}

Services::Served* Services::acting_on(const ProcessKey& process) {
  const auto found = std::find_if(served_.begin(), served_.end(), [&](const auto& served) {
    return served->acting_on && *served->acting_on == process;
  });
  return found != served_.end() ? found->get() : nullptr;
}

void Services::note(Served& served, Service::News news) {
  may_be_idle_ = true;
  if (news) changes_.push_back({&served, *news, served.service.attempt()});
}

void Services::reset(std::uint64_t now_ns) {
  for (const auto& served : served_) served->service.reset(now_ns);
}

void Services::ask(const Beat& beat, std::uint64_t now_ns) {
  const bool has_cgroup = beat.origin == BeatOrigin::KernelAttested && beat.cgroup_id > kRootCgroup;
  if (names_ == nullptr || !has_cgroup) return;
  if (known_.began(beat.cgroup_id, beat.uid)) names_->ask(beat.cgroup_id, now_ns);
}

bool Services::hold(std::uint64_t cgroup_id, Held held) {
  // Processes that begin leave room for failures, which matter more and are fewer.
  if (held_count_ >= (held.stall ? kMaxHeld : kMaxHeld / 2)) return false;
  std::size_t& of_uid = held_by_uid_[held.facts.uid];
  if (held.facts.uid != 0U && of_uid >= kMaxHeld / 4) return false;
  ++held_count_;
  ++of_uid;
  held_[cgroup_id].push_back(std::move(held));
  return true;
}

void Services::answer(const ServiceNames::Answer& answer, std::uint64_t now_ns) {
  if (!known_.answer(answer.cgroup_id, answer.facts)) return;
  const auto waiting = held_.extract(answer.cgroup_id);
  if (waiting.empty()) return;
  for (const Held& held : waiting.mapped()) deliver(answer.cgroup_id, held, now_ns);
}

// There was room for a stall where it was held, and there is no second caller to tell.
void Services::deliver(std::uint64_t cgroup_id, const Held& held, std::uint64_t now_ns) {
  --held_count_;
  const auto& uid = held.facts.uid;
  if (--held_by_uid_[uid] == 0) held_by_uid_.erase(uid);
  if (held.stall) {
    [[maybe_unused]] const Taken taken = deliver_stall(*held.stall, held.may_begin, now_ns);
  } else {
    has_begun(cgroup_id, held.process, held.facts);
    deliver_beat(cgroup_id, {held.process, held.facts, true}, now_ns);
  }
}

void Services::deliver_beat(std::uint64_t cgroup_id, const Heard& heard, std::uint64_t now_ns) {
  Served* served = find(cgroup_id, heard.process, heard.facts);
  if (served == nullptr && heard.is_first) served = find_acted_upon(cgroup_id, heard);
  if (served != nullptr) {
    note(*served, served->service.heard(heard.process, heard.is_first, now_ns));
  }
}

Services::Taken Services::deliver_stall(const Stall& stall, bool may_begin, std::uint64_t now_ns) {
  Served* served = find(stall.cgroup_id, process_of(stall), facts_about(stall));
  if (served == nullptr) {
    ServiceFacts facts = facts_of(stall.cgroup_id, process_of(stall));
    auto policy = policies_.find(facts, facts_about(stall));
    if (!policy || !policy->rules.recover_on.has(down_kind(stall))) return Taken::Yes;
    if (!may_begin) return Taken::Unwanted;
    served = make(stall, std::move(facts), std::move(policy));
  }
  if (served == nullptr) return Taken::Full;
  served->has_ended = served->alone && stall.cause == StallCause::Exited;
  note(*served, served->service.failed(stall, now_ns));
  return Taken::Yes;
}

// By the policy that the service went down with: the file may have been read anew. A process that
// is down in it stays with it, though it may call itself otherwise by now.
Services::Served* Services::find(std::uint64_t cgroup_id, const ProcessKey& process,
                                 const ProcessFacts& facts) {
  const auto is_down_in = [&](const Served& served) { return served.service.is_down(process); };
  const auto is_matched_by = [&](const Served& served) {
    return served.policy->match.mismatch(served.facts, facts) == nullptr;
  };
  if (Served* served = find_if(cgroup_id, process, is_down_in)) return served;
  return find_if(cgroup_id, process, is_matched_by);
}

// A process may beat before it takes its later name (PR_SET_NAME). Without this, a service that is
// well would be acted upon again and again. Before the first attempt the names tell which processes
// of a unit are the service's, and no other one may pass for it.
Services::Served* Services::find_acted_upon(std::uint64_t cgroup_id, const Heard& heard) {
  return find_if(cgroup_id, heard.process, [&](const Served& served) {
    return served.service.attempt() > 0 &&
           served.policy->match.matches_but_for_comm(served.facts, heard.facts);
  });
}

// The first service of that name for which f holds.
template <typename F>
Services::Served* Services::find_if(std::uint64_t cgroup_id, const ProcessKey& process, F f) {
  const ServiceFacts* service = known_.facts(cgroup_id);
  const auto named = by_name_.equal_range(service != nullptr ? service->name : own_key(process));
  const auto found =
      std::find_if(named.first, named.second, [&](const auto& entry) { return f(*entry.second); });
  return found != named.second ? found->second : nullptr;
}

void Services::forget(const Served& served) {
  const auto [first, last] = by_name_.equal_range(served.key);
  by_name_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == &served; }));
}

void Services::replace_policies(Policies policies) {
  policies_ = std::move(policies);
  has_thresholds_ = policies_.shortest_threshold_ns().has_value();
  for (const auto& served : served_) replace_policy(*served);
  std::erase_if(served_, [](const auto& served) { return served->policy == nullptr; });
}

void Services::replace_policy(Served& served) {
  const ServiceState state = served.service.state();
  if (state != ServiceState::Healthy && state != ServiceState::GivenUp) return;
  if (is_told_of(served)) return;
  auto policy = policies_.find(served.facts, served.first);
  if (policy) served.service.replace_rules(policy->rules);
  if (policy && policy->budget != served.policy->budget) set_budget(served, *policy);
  if (!policy) forget(served);
  served.policy = std::move(policy);
}

ServiceFacts Services::facts_of(std::uint64_t cgroup_id, const ProcessKey& process) const {
  if (const ServiceFacts* known = known_.facts(cgroup_id)) return *known;
  ServiceFacts alone;
  alone.name = own_name(process);
  return alone;
}

std::uint64_t Services::threshold_ns(std::uint64_t cgroup_id, const ProcessKey& process,
                                     const ProcessFacts& facts) const {
  const auto policy = policies_.find(facts_of(cgroup_id, process), facts);
  return policy ? policy->threshold_ns.value_or(0) : 0;
}

void Services::has_begun(std::uint64_t cgroup_id, const ProcessKey& process,
                         const ProcessFacts& facts) {
  if (!has_thresholds_) return;
  const std::uint64_t ns = threshold_ns(cgroup_id, process, facts);
  if (ns != 0) thresholds_.push_back({process, ns});
}

std::optional<Services::Threshold> Services::take_threshold() {
  if (thresholds_.empty()) return std::nullopt;
  const Threshold first = thresholds_.front();
  thresholds_.pop_front();
  return first;
}

Services::Served* Services::make(const Stall& stall, ServiceFacts facts,
                                 std::shared_ptr<const ServicePolicy> policy) {
  if (!make_room_for(stall.uid)) return nullptr;
  const bool alone = known_.facts(stall.cgroup_id) == nullptr;
  seeds_ += 0x9e3779b97f4a7c15;
  served_.push_back(std::make_unique<Served>(Served{
      .key = alone ? own_key(process_of(stall)) : facts.name,
      .facts = std::move(facts),
      .policy = policy,
      .service = Service(policy->rules, alone, seeds_),
      .alone = alone,
      .has_ended = false,
      .first = facts_about(stall),
      .acting_on = std::nullopt,
      .budget = std::nullopt,
  }));
  set_budget(*served_.back(), *policy);
  by_name_.emplace(served_.back()->key, served_.back().get());
  return served_.back().get();
}

void Services::set_budget(Served& served, const ServicePolicy& policy) {
  served.budget.reset();
  if (policy.budget) served.budget.emplace(*policy.budget);
}

bool Services::make_room_for(const std::optional<std::uint32_t>& uid) {
  const auto is_of_uid = [&](const auto& served) { return served->first.uid == uid; };
  const auto of_uid = std::count_if(served_.begin(), served_.end(), is_of_uid);
  const std::size_t share =
      uid == 0U ? config_.capacity : std::max<std::size_t>(1, config_.capacity / 4);
  const bool is_share_full = static_cast<std::size_t>(of_uid) >= share;
  if (!is_share_full && served_.size() < config_.capacity) return true;
  const auto given_up = std::find_if(served_.begin(), served_.end(), [&](const auto& served) {
    return served->service.state() == ServiceState::GivenUp && !is_told_of(*served) &&
           (!is_share_full || is_of_uid(served));
  });
  if (given_up == served_.end()) return false;
  forget(**given_up);
  served_.erase(given_up);
  return true;
}

// By a change that is still to be taken.
bool Services::is_told_of(const Served& served) const {
  return std::any_of(changes_.begin(), changes_.end(),
                     [&](const Change& change) { return change.served == &served; });
}

void Services::forget_idle() {
  for (const auto& served : served_) {
    if (is_done(*served)) forget(*served);
  }
  std::erase_if(served_, [this](const auto& served) { return is_done(*served); });
}

// Not before its budget is whole again: that would be a new one.
bool Services::is_done(const Served& served) const {
  if (served.acting_on || served.service.state() != ServiceState::Healthy) return false;
  if (served.has_ended) return true;
  return served.service.is_idle() && (!served.budget || served.budget->is_whole(now_ns_));
}

}  // namespace hb
