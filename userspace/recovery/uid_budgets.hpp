// UidBudgets: at most so many acts for the agents of one user, so that nobody's processes can spend
// what everybody's agents share (ActBudget).
//
// Uid 0 has a budget of its own, larger than a user's: most services of most hosts run as root. It
// is smaller than the whole, since processes of a container without a user namespace are uid 0 too.
// Agents whose uid is not known (no stamp) have one budget together, of the same size as uid 0's:
// nobody can tell them apart, and on a host that has only those they are all there is.
//
// Acts are remembered for the longer of the two windows, at most `capacity` of them. When all are
// taken, has_room() says so, and whoever asks must not act: forgetting one would give its user
// another. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "recovery/act_budget.hpp"

namespace hb {

using Uid = std::optional<std::uint32_t>;

class UidBudgets {
 public:
  struct Config {
    ActBudget::Config user;  // every uid but those below
    ActBudget::Config root;  // uid 0; and all that are not known, together
    std::size_t capacity = 4096;
  };

  // A quarter of all acts for a user, three quarters for root; never less than one act.
  [[nodiscard]] static ActBudget::Config share_of_user(const ActBudget::Config& all);
  [[nodiscard]] static ActBudget::Config share_of_root(const ActBudget::Config& all);

  explicit UidBudgets(const Config& config) : config_(config) {}

  // `now_ns` never goes back, over all three.
  [[nodiscard]] bool allows(const Uid& uid, std::uint64_t now_ns);
  [[nodiscard]] bool has_room(std::uint64_t now_ns);
  // Only when both say yes.
  void spend(const Uid& uid, std::uint64_t now_ns);

  // The act for which spend(uid, at_ns) was called did not happen.
  void give_back(const Uid& uid, std::uint64_t at_ns);

  // Whether this is the first call since the last act for `uid`.
  [[nodiscard]] bool is_news(const Uid& uid);

 private:
  struct Act {
    Uid uid;
    std::uint64_t at_ns;
    bool told = false;  // that it was the last one that the budget allowed
  };

  [[nodiscard]] const ActBudget::Config& budget_of(const Uid& uid) const;
  void forget_old(std::uint64_t now_ns);

  const Config config_;
  std::deque<Act> acts_;  // oldest first
};

}  // namespace hb
