// ServiceNames: asks which service a cgroup is.
#pragma once

#include <cstdint>
#include <optional>

#include "observer/service_facts.hpp"

namespace hb {

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
