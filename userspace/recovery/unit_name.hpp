// Which systemd unit, container and pod a cgroup belongs to, read from its path in the cgroup v2
// hierarchy, as /proc/<pid>/cgroup shows it behind "0::". Pure.
//
// Units by systemd's own rules (cg_path_get_unit, cg_path_get_user_unit; src/basic/cgroup-util.c):
// slices at the front are skipped, and the first directory after them is the unit. So whoever may
// make cgroups below a unit, by Delegate= or in a container, cannot pretend to be another. The same
// for containers and pods: only the outermost one is reported, because whatever is below it may
// have been named by the container. Below a user manager, all names were chosen by that user.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hb {

struct CgroupNames {
  std::optional<std::string> unit;          // of the system's manager: "nginx.service"
  std::optional<std::string> user_unit;     // below a user's manager or session, which `unit` is
  std::optional<std::string> container_id;  // 64 hexadecimal digits
  std::optional<std::string> pod_uid;       // as the API server writes it, with '-'

  friend bool operator==(const CgroupNames&, const CgroupNames&) = default;
};

// All are null for the root ("/" or "").
[[nodiscard]] CgroupNames read_cgroup_names(std::string_view path);

// A valid name of a unit, plain or an instance ("a.service", "a@b.service") but not a template: at
// most 255 bytes out of [A-Za-z0-9:-_.\@], with the suffix of a unit type (systemd.unit(5)).
[[nodiscard]] bool is_unit_name(std::string_view name);

// A scope holds processes that another program has started: systemd cannot restart it
// (systemd.scope(5)).
[[nodiscard]] bool is_scope(std::string_view unit);

// A manager of other units, of a user (user@1000.service) or of a capsule. Restarting it would end
// everything that runs below it.
[[nodiscard]] bool is_unit_of_manager(std::string_view unit);

// The unit that a command may restart because of a process with these names. nullopt: there is no
// unit, or it is a scope, a slice or a manager.
[[nodiscard]] std::optional<std::string> restartable_unit(const CgroupNames& names);

}  // namespace hb
