// ServiceFacts: which service a process belongs to, and what a command is told of it. ProcessFacts:
// what else a policy may ask of the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "identity/comm.hpp"

namespace hb {

struct ServiceFacts {
  std::string name;                      // the unit, else the cgroup's path, else "process PID"
  std::optional<std::string> unit;       // systemd unit that a command may restart by this name
  std::optional<std::string> user_unit;  // unit of a user's service manager
  std::optional<std::string> cgroup;     // path in the cgroup v2 hierarchy
};

struct ProcessFacts {
  std::optional<std::uint32_t> uid;  // real, in the initial user namespace
  Comm comm = {};                    // what it calls itself
};

// The service of a cgroup. The seam to whoever looks into the file system, which may take its time:
// answers come later, in any order, one for each question.
class ServiceNames {
 public:
  struct Answer {
    std::uint64_t cgroup_id = 0;
    std::optional<ServiceFacts> facts;  // nullopt: nobody knows this cgroup, or it is the root
  };

  virtual ~ServiceNames() = default;
  virtual void ask(std::uint64_t cgroup_id, std::uint64_t now_ns) = 0;
  virtual std::optional<Answer> next(std::uint64_t now_ns) = 0;
  // Becomes readable, or is due, when next() has something to do.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual std::uint64_t wake_ns() const = 0;
};

}  // namespace hb
