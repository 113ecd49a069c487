#include "bench/account.hpp"

namespace hb::bench {

std::string Account::text() const {
  const std::uint64_t all = sent + refused;
  if (lost() == 0) return "all of " + std::to_string(all) + " beats arrived";
  return "lost " + std::to_string(lost()) + " of " + std::to_string(all) + " beats";
}

Result<Account> settle(ObserverProcess& observer, const Agents& agents, std::size_t socket) {
  const auto end = observer.end();
  if (!end) return end.error();
  Account account;
  account.sent = agents.sent(socket);
  account.refused = agents.refused(socket);
  account.beats = end.value().beats;
  return account;
}

}  // namespace hb::bench
