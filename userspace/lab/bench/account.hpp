// Account: how many beats agents have sent, and how many the observer has accepted.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/observer_process.hpp"

namespace hb::bench {

struct Account {
  std::uint64_t sent = 0;  // send(2) succeeded
  std::uint64_t beats = 0;
  std::uint64_t refused = 0;  // EAGAIN

  [[nodiscard]] std::uint64_t lost() const { return refused + (sent > beats ? sent - beats : 0); }
  [[nodiscard]] std::string text() const;  // "lost 3 of 2000"
};

// For an observer that has accepted so many.
Account account_of(const Agents& agents, std::size_t socket, std::uint64_t beats);

// Ends the observer. Agents must be silent.
Result<Account> settle(ObserverProcess& observer, const Agents& agents, std::size_t socket);

}  // namespace hb::bench
