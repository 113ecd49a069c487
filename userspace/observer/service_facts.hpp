// ServiceFacts: which service a process belongs to, and what is told of it.
#pragma once

#include <optional>
#include <string>

#include "observer/event.hpp"

namespace hb {

struct ServiceFacts {
  std::string name;                      // the unit, else the cgroup's path, else "process PID"
  std::optional<std::string> unit;       // systemd unit that a command may restart by this name
  std::optional<std::string> user_unit;  // unit of a user's service manager
  std::optional<std::string> cgroup;     // path in the cgroup v2 hierarchy
  std::optional<std::string> container_id = std::nullopt;  // 64 hexadecimal digits
  std::optional<std::string> pod_uid = std::nullopt;       // of Kubernetes, as its objects have it
};

// Interface: the service of a process, by what is known now; nothing is waited for.
class ServiceLookup {
 public:
  virtual ~ServiceLookup() = default;

  // nullptr: not known (yet).
  [[nodiscard]] virtual const ServiceFacts* service_of(const Stall& stall) const = 0;
};

}  // namespace hb
