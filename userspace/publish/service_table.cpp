#include "publish/service_table.hpp"

#include <algorithm>
#include <utility>

#include "observer/source.hpp"
#include "recovery/printable.hpp"

namespace hb {

ServiceTable::ServiceTable(Board& board, StartNames start_names)
    : board_(board), start_names_(std::move(start_names)), cgroups_(kMaxCgroups) {
  services_[0].name = kOther;
  by_name_.emplace(services_[0].name, 0);
}

std::uint64_t ServiceTable::wake_ns() const { return names_ ? names_->wake_ns() : Source::kNever; }

void ServiceTable::look(std::uint64_t now_ns) {
  take_changes(now_ns);
  take_answers(now_ns);
  place_those_without();
}

void ServiceTable::take_changes(std::uint64_t now_ns) {
  for (std::size_t number = 0; number < kMaxCgroups; ++number) {
    const std::uint64_t id = board_.cgroups[number].load(std::memory_order_acquire);
    Cgroup& cgroup = cgroups_[number];
    if (id == cgroup.id) continue;
    leave(cgroup);
    cgroup.id = id;
    if (id == 0) continue;
    by_id_[id] = number;
    if (!std::exchange(has_started_, true)) names_ = start_names_();
    if (names_) {
      names_->ask(id, now_ns);
    } else {
      answer(number, 0);
    }
  }
}

void ServiceTable::leave(Cgroup& cgroup) {
  if (cgroup.id != 0) by_id_.erase(cgroup.id);
  Service& service = services_[cgroup.service];
  if (cgroup.service != 0 && --service.cgroups == 0) service.left_at = ++leavings_;
  cgroup = {};
}

void ServiceTable::take_answers(std::uint64_t now_ns) {
  if (!names_) return;
  while (auto answered = names_->next(now_ns)) {
    const auto known = by_id_.find(answered->cgroup_id);
    if (known == by_id_.end()) continue;
    cgroups_[known->second].facts = std::move(answered->facts);
    place(known->second);
  }
}

void ServiceTable::place_those_without() {
  for (std::size_t number = 0; number < kMaxCgroups; ++number) {
    if (cgroups_[number].is_without_number) place(number);
  }
}

void ServiceTable::place(std::size_t number) {
  Cgroup& cgroup = cgroups_[number];
  if (cgroup.service != 0) return;
  if (!cgroup.facts) return answer(number, 0);
  // As it is shown: two names must not become one series.
  const std::string name =
      printable(std::string_view(cgroup.facts->name).substr(0, kServiceName_bytes - 1));
  const auto service = number_for(name);
  cgroup.is_without_number = !service;
  answer(number, service.value_or(0));
}

void ServiceTable::answer(std::size_t number, std::size_t service) {
  Cgroup& cgroup = cgroups_[number];
  cgroup.service = service;
  if (service != 0) ++services_[service].cgroups;
  board_.names.services[number].store(
      service_answer(cgroup.id, static_cast<std::uint16_t>(service)), std::memory_order_release);
}

std::optional<std::size_t> ServiceTable::number_for(const std::string& name) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) return known->second;
  std::size_t best = 0;
  for (std::size_t i = 1; i < kMaxServices; ++i) {
    if (services_[i].cgroups > 0) continue;
    if (best == 0 || services_[i].left_at < services_[best].left_at) best = i;
  }
  if (best == 0) return std::nullopt;
  Service& service = services_[best];
  by_name_.erase(service.name);
  service = {.name = name, .generation = service.generation + 1, .cgroups = 0, .left_at = 0};
  by_name_.emplace(name, best);
  board_.names.generations[best].store(service.generation, std::memory_order_release);
  return best;
}

std::optional<ServiceTable::Place> ServiceTable::place_of(std::uint64_t cgroup_id) const {
  const auto known = by_id_.find(cgroup_id);
  if (known == by_id_.end() || !cgroups_[known->second].facts) return std::nullopt;
  const Cgroup& cgroup = cgroups_[known->second];
  return Place{services_[cgroup.service].name,
               cgroup.facts->cgroup ? *cgroup.facts->cgroup : std::string_view()};
}

}  // namespace hb
