// Account: what agents have sent, and how much of it the observer has seen. Its difference is the
// sends that found no room and the frames that were shed on the way.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/observer_process.hpp"

namespace hb::bench {

struct Account {
  std::uint64_t sent = 0;  // taken by the kernel
  std::uint64_t beats = 0;
  std::uint64_t refused = 0;  // met a full queue

  [[nodiscard]] std::uint64_t lost() const { return refused + (sent > beats ? sent - beats : 0); }
  [[nodiscard]] std::string text() const;  // "lost 3 of 2000"
};

// Of an observer that has seen so many.
Account account_of(const Agents& agents, std::size_t socket, std::uint64_t beats);

// Ends the observer. Agents must be silent.
Result<Account> settle(ObserverProcess& observer, const Agents& agents, std::size_t socket);

}  // namespace hb::bench
