// Interface: whether agents can reach the observer. If they cannot, their silence means nothing.
#pragma once

#include <cstdint>

namespace hb {

class Reach {
 public:
  virtual ~Reach() = default;

  // Asked before an agent is called silent; `now_ns` is the observer's clock. Must not call the
  // observer.
  virtual bool is_reachable(std::uint64_t now_ns) = 0;

  // What is known already, at no cost: the last answer, or that of a check since.
  [[nodiscard]] virtual bool is_lost() const = 0;
};

}  // namespace hb
