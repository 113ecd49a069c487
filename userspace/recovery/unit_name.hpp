// Which systemd unit, container and pod a cgroup belongs to, read from its path in the cgroup v2
// hierarchy, as /proc/<pid>/cgroup shows it behind "0::". Pure.
//
// Units by systemd's own rules (cg_path_get_unit and cg_path_get_user_unit, src/basic/cgroup-util.c):
// slices at the front are skipped, and the first directory behind them is the unit. So whoever may
// make cgroups below a unit, by Delegate= or in a container, cannot pretend to be another one. The
// same for containers and pods: the outermost one is told, as only that is the host's own word. In
// the subtree of a user manager all names but the unit's are the user's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hb {

struct CgroupNames {
  std::optional<std::string> unit;  // of the system's manager: "nginx.service"
  std::optional<std::string>
      user_unit;  // of the user manager that `unit` is, or in a session scope
  std::optional<std::string> container_id;  // 64 hexadecimal digits
  std::optional<std::string> pod_uid;       // as the API server writes it, with '-'

  friend bool operator==(const CgroupNames&, const CgroupNames&) = default;
};

// Nothing is known of the root ("/" or ""). A path is as long as it is: what is no name of a unit,
// because of its length too, is none.
[[nodiscard]] CgroupNames read_cgroup_names(std::string_view path);

// A unit's name that a process can be found under: plain or an instance ("a.service",
// "a@b.service"), not a template; at most 255 bytes, of [A-Za-z0-9:-_.\@], with the suffix of a type
// of units (systemd.unit(5)).
[[nodiscard]] bool is_unit_name(std::string_view name);

// Made by other programs, by a call over D-Bus: there is nothing that systemd could start again
// (systemd.scope(5)).
[[nodiscard]] bool is_scope(std::string_view unit);

// A manager of other units, of a user (user@1000.service) or of a capsule: to restart it hurts
// everything that runs below it.
[[nodiscard]] bool is_unit_of_manager(std::string_view unit);

// The unit that a command may restart because of a process with these names; nullopt: none, since
// there is no unit, or it is a scope, a slice or a manager.
[[nodiscard]] std::optional<std::string> restartable_unit(const CgroupNames& names);

}  // namespace hb
