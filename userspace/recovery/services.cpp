#include "recovery/services.hpp"

#include <algorithm>
#include <utility>

namespace hb {
namespace {

constexpr std::uint64_t kRootCgroup = 1;  // of everybody whom nobody has placed

std::string own_name(const ProcessKey& process) { return "process " + std::to_string(process.pid); }

// Unlike its name, different for each process that had the pid.
std::string own_key(const ProcessKey& process) {
  return own_name(process) + " " + std::to_string(process.generation_ns);
}

}  // namespace

Services::Services(const Config& config, ServiceNames* names)
    : config_(config), names_(names), seeds_(config.seed) {}

void Services::hear(const Beat& beat, std::uint64_t now_ns) {
  if (!beat.first_or_changed) return;
  if (beat.is_first) ask(beat, now_ns);
  if (served_.empty() && held_.empty()) return;
  const ProcessKey process{beat.pid, beat.generation_ns};
  if (is_pending(beat.cgroup_id)) {
    if (beat.is_first && held_.size() < kMaxHeld) {
      held_.push_back({beat.cgroup_id, std::nullopt, process});
    }
    return;
  }
  deliver_beat(beat.cgroup_id, process, beat.is_first, now_ns);
}

bool Services::fail(const Stall& stall, std::uint64_t now_ns) {
  if (!is_pending(stall.cgroup_id)) return deliver_stall(stall, now_ns);
  if (held_.size() >= kMaxHeld) return false;
  held_.push_back({stall.cgroup_id, stall, process_of(stall)});
  return true;
}

void Services::tick(std::uint64_t now_ns) {
  while (names_ != nullptr) {
    const auto answered = names_->next(now_ns);
    if (!answered) break;
    answer(*answered, now_ns);
  }
  for (const auto& served : served_) note(*served, served->service.tick(now_ns));
}

std::uint64_t Services::wake_ns() const {
  std::uint64_t first_ns = names_ != nullptr ? names_->wake_ns() : Service::kNever;
  for (const auto& served : served_) first_ns = std::min(first_ns, served->service.wake_ns());
  return first_ns;
}

std::optional<Services::Change> Services::take() {
  if (changes_.empty()) {
    forget_idle();
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
  if (news) changes_.push_back({&served, *news, served.service.attempt()});
}

void Services::reset(std::uint64_t now_ns) {
  for (const auto& served : served_) served->service.reset(now_ns);
}

bool Services::is_pending(std::uint64_t cgroup_id) const {
  const auto known = known_.find(cgroup_id);
  return known != known_.end() && !known->second;
}

void Services::ask(const Beat& beat, std::uint64_t now_ns) {
  const bool has_cgroup = beat.origin == BeatOrigin::KernelAttested && beat.cgroup_id > kRootCgroup;
  if (names_ == nullptr || !has_cgroup || known_.contains(beat.cgroup_id)) return;
  if (known_order_.size() >= config_.capacity) {
    known_.erase(known_order_.front());
    known_order_.pop_front();
  }
  known_.emplace(beat.cgroup_id, std::nullopt);
  known_order_.push_back(beat.cgroup_id);
  names_->ask(beat.cgroup_id, now_ns);
}

void Services::answer(const ServiceNames::Answer& answer, std::uint64_t now_ns) {
  const auto known = known_.find(answer.cgroup_id);
  if (known == known_.end() || known->second) return;
  known->second = answer.facts.value_or(ServiceFacts{});
  auto held = std::exchange(held_, {});
  for (auto& one : held) {
    if (one.cgroup_id != answer.cgroup_id) {
      held_.push_back(std::move(one));
    } else if (one.stall) {
      // There was room for it where it was held, and there is no second caller to tell.
      [[maybe_unused]] const bool delivered = deliver_stall(*one.stall, now_ns);
    } else {
      deliver_beat(one.cgroup_id, one.process, true, now_ns);
    }
  }
}

void Services::deliver_beat(std::uint64_t cgroup_id, const ProcessKey& process, bool is_first,
                            std::uint64_t now_ns) {
  if (Served* served = find(cgroup_id, process)) {
    note(*served, served->service.heard(process, is_first, now_ns));
  }
}

bool Services::deliver_stall(const Stall& stall, std::uint64_t now_ns) {
  Served* served = find(stall.cgroup_id, process_of(stall));
  if (served == nullptr) {
    if (!config_.rules.recover_on.has(down_kind(stall))) return true;
    served = make(stall);
  }
  if (served == nullptr) return false;
  served->has_ended = served->alone && stall.cause == StallCause::Exited;
  note(*served, served->service.failed(stall, now_ns));
  return true;
}

const ServiceFacts* Services::facts_of(std::uint64_t cgroup_id) const {
  const auto known = known_.find(cgroup_id);
  if (known == known_.end() || !known->second || known->second->name.empty()) return nullptr;
  return &*known->second;
}

Services::Served* Services::find(std::uint64_t cgroup_id, const ProcessKey& process) {
  const ServiceFacts* facts = facts_of(cgroup_id);
  const auto found = by_name_.find(facts != nullptr ? facts->name : own_key(process));
  return found != by_name_.end() ? found->second : nullptr;
}

Services::Served* Services::make(const Stall& stall) {
  if (!has_room_for(stall.uid)) return nullptr;
  const ProcessKey process = process_of(stall);
  const ServiceFacts* known = facts_of(stall.cgroup_id);
  const bool alone = known == nullptr;
  ServiceFacts facts;
  if (known != nullptr) facts = *known;
  if (alone) facts.name = own_name(process);
  seeds_ += 0x9e3779b97f4a7c15;
  served_.push_back(std::make_unique<Served>(Served{
      .key = alone ? own_key(process) : facts.name,
      .facts = facts,
      .service = Service(config_.rules, alone, seeds_),
      .alone = alone,
      .has_ended = false,
      .uid = stall.uid,
      .acting_on = std::nullopt,
  }));
  by_name_[served_.back()->key] = served_.back().get();
  return served_.back().get();
}

bool Services::has_room_for(const std::optional<std::uint32_t>& uid) const {
  if (served_.size() >= config_.capacity) return false;
  if (uid == 0U) return true;
  const auto of_uid = std::count_if(served_.begin(), served_.end(),
                                    [&](const auto& served) { return served->uid == uid; });
  return static_cast<std::size_t>(of_uid) < std::max<std::size_t>(1, config_.capacity / 4);
}

void Services::forget_idle() {
  const auto is_done = [](const std::unique_ptr<Served>& served) {
    if (served->acting_on || served->service.state() != ServiceState::Healthy) return false;
    return served->has_ended || served->service.is_idle();
  };
  for (const auto& served : served_) {
    if (is_done(served)) by_name_.erase(served->key);
  }
  std::erase_if(served_, is_done);
}

}  // namespace hb
