#include "lab/bench/account.hpp"

namespace hb::bench {

std::string Account::text() const {
  const std::uint64_t all = sent + refused;
  if (lost() == 0) return "all of " + std::to_string(all) + " beats arrived";
  return "lost " + std::to_string(lost()) + " of " + std::to_string(all) + " beats";
}

Account account_of(const Agents& agents, std::size_t socket, std::uint64_t beats) {
  return {.sent = agents.sent(socket), .beats = beats, .refused = agents.refused(socket)};
}

Result<Account> settle(ObserverProcess& observer, const Agents& agents, std::size_t socket) {
  const auto end = observer.end();
  if (!end) return end.error();
  return account_of(agents, socket, end.value().beats);
}

}  // namespace hb::bench
