// RecoveryPolicy: may this stall be acted upon, now?
//
// The gates, in this order; the first that is shut is the reason:
//
//   host        it is a process of this host: nobody can vouch for another host's pid here
//   origin      who sent the beats is attested by the kernel, or the operator vouched for the
//               transport in words; anything else could be a forger's way to have somebody killed
//   namespace   the pid means the same process to the sender and to us, as far as anybody knows
//   generation  which of the processes that had this pid. Only the kernel attests one; without it
//               a command may be run, as it can look for itself, but no signal be sent
//   exit        a process that has ended gets no signal
//   start-up    the observer has run for long enough to tell a silence from its own beginning
//   debounce    this very process was not acted upon a moment ago
//   uid budget  not too many acts for the agents of one user
//   budget      not too many acts over all agents
//
// decide() only looks; commit() spends, once nothing else stands in the way of acting; denied()
// gives back what others need. Pure; one thread; the time it is told never goes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "base/units.hpp"
#include "observer/event.hpp"
#include "recovery/act_budget.hpp"
#include "recovery/debounce_table.hpp"
#include "recovery/outcome.hpp"
#include "recovery/uid_budgets.hpp"

namespace hb {

struct Act {};
struct Refused {
  RecoveryRefusal reason;
};
using Decision = std::variant<Act, Refused>;

class RecoveryPolicy {
 public:
  struct Config {
    bool signals = false;  // a signal is what will be sent; else a command is run
    // The operator's words: whoever may write to the socket may have its processes recovered.
    bool accept_unauthenticated = false;
    std::uint64_t observer_ns_inode = 0;  // 0: not known
    bool allow_cross_namespace = false;
    std::uint64_t act_from_ns = 0;  // on the clock: the end of the start-up grace
    std::uint64_t debounce_ns = kNsPerSecond;
    std::size_t debounce_capacity = 4096;
    ActBudget::Config budget;
    std::optional<ActBudget::Config> budget_per_uid;  // unset: a quarter of it
    std::uint64_t seed = 0;                           // of the debounce table's index
  };

  explicit RecoveryPolicy(const Config& config);

  [[nodiscard]] Decision decide(const Stall& stall, std::uint64_t now_ns);

  // It is acted upon.
  void commit(const Stall& stall, std::uint64_t now_ns);

  // The kernel did not let the act upon it happen, committed at `acted_ns`. It counts no more over
  // all agents, but it does for its user.
  void denied(std::uint64_t acted_ns);

  // The act committed at `acted_ns` could not be begun: nothing was spent.
  void not_begun(const Stall& stall, std::uint64_t acted_ns);

  // At a refusal as UidBudgetExhausted: whether it is the first one since the last act for this
  // user's agents.
  [[nodiscard]] bool is_news(const Stall& stall) { return uid_budgets_.is_news(stall.uid); }

  // The act upon it took until now: what it did to the process may show only after this.
  void completed(const Stall& stall, std::uint64_t now_ns);

 private:
  using Gate = std::optional<RecoveryRefusal>;  // shut, and why

  [[nodiscard]] static Gate host(const Stall& stall);
  [[nodiscard]] Gate origin(const Stall& stall) const;
  [[nodiscard]] Gate pid_namespace(const Stall& stall) const;
  [[nodiscard]] Gate generation(const Stall& stall) const;
  [[nodiscard]] Gate exit(const Stall& stall) const;
  [[nodiscard]] Gate startup(std::uint64_t now_ns) const;
  [[nodiscard]] Gate debounce(const Stall& stall, std::uint64_t now_ns);
  [[nodiscard]] Gate uid_budget(const Stall& stall, std::uint64_t now_ns);
  [[nodiscard]] Gate budget(std::uint64_t now_ns) const;

  const Config config_;
  DebounceTable debounce_;
  UidBudgets uid_budgets_;
  ActBudget budget_;
};

}  // namespace hb
