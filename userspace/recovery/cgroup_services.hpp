// CgroupServices: the service of a cgroup, by its path in the cgroup v2 hierarchy (CgroupPaths) and
// by systemd's rules for such paths (unit_name.hpp).
//
// A unit of the system's manager, a scope included, is a service. So is a unit of a user's manager,
// which no command may restart by its name; and a cgroup that is in no unit.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "recovery/cgroup_paths.hpp"
#include "recovery/service_names.hpp"

namespace hb {

// nullopt: the root cgroup, of everybody whom nobody has placed.
[[nodiscard]] std::optional<ServiceFacts> service_of_cgroup(const std::string& path);

class CgroupServices final : public ServiceNames {
 public:
  // `of_commands`: below which cgroup commands have theirs, if they have (command_cgroups.hpp).
  explicit CgroupServices(std::unique_ptr<CgroupPaths> paths,
                          std::optional<std::string> of_commands = {})
      : paths_(std::move(paths)), of_commands_(std::move(of_commands)) {}

  void ask(std::uint64_t cgroup_id, std::uint64_t now_ns) override;
  std::optional<Answer> next(std::uint64_t now_ns) override;
  [[nodiscard]] int fd() const override { return paths_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override;

  [[nodiscard]] const std::optional<Error>& problem() const { return paths_->problem(); }

 private:
  [[nodiscard]] std::optional<ServiceFacts> service_of(const std::string& path) const;

  const std::unique_ptr<CgroupPaths> paths_;
  const std::optional<std::string> of_commands_;
  std::deque<std::uint64_t> refused_;  // too many were waiting: answered with nothing
};

}  // namespace hb
