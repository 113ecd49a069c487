#include "recovery/cgroup_services.hpp"

#include "recovery/command_cgroups.hpp"
#include "recovery/unit_name.hpp"

namespace hb {

std::optional<ServiceFacts> service_of_cgroup(const std::string& path) {
  if (path.empty() || path == "/") return std::nullopt;
  const CgroupNames names = read_cgroup_names(path);
  ServiceFacts facts;
  facts.name = names.unit.value_or(path);
  if (names.user_unit) facts.name += "/" + *names.user_unit;
  facts.unit = restartable_unit(names);
  facts.user_unit = names.user_unit;
  facts.cgroup = path;
  facts.container_id = names.container_id;
  facts.pod_uid = names.pod_uid;
  return facts;
}

void CgroupServices::ask(std::uint64_t cgroup_id, std::uint64_t /*now_ns*/) {
  if (!paths_->ask(cgroup_id)) refused_.push_back(cgroup_id);
}

std::optional<ServiceNames::Answer> CgroupServices::next(std::uint64_t now_ns) {
  if (!refused_.empty()) {
    const std::uint64_t id = refused_.front();
    refused_.pop_front();
    return Answer{id, std::nullopt};
  }
  const auto answer = paths_->next(now_ns);
  if (!answer) return std::nullopt;
  return Answer{answer->id, answer->path ? service_of(*answer->path) : std::nullopt};
}

std::optional<ServiceFacts> CgroupServices::service_of(const std::string& path) const {
  return service_of_cgroup(of_commands_ ? path_outside_of_commands(path, *of_commands_) : path);
}

std::uint64_t CgroupServices::wake_ns() const { return refused_.empty() ? paths_->wake_ns() : 0; }

}  // namespace hb
