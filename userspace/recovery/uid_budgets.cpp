#include "recovery/uid_budgets.hpp"

#include <algorithm>

namespace hb {
namespace {

constexpr std::size_t kShares = 4;

}  // namespace

ActBudget::Config UidBudgets::share_of_user(const ActBudget::Config& all) {
  return {std::max<std::size_t>(all.acts / kShares, 1), all.window_ns};
}

ActBudget::Config UidBudgets::share_of_root(const ActBudget::Config& all) {
  const std::size_t of_user = share_of_user(all).acts;
  return {all.acts > of_user ? all.acts - of_user : 1, all.window_ns};
}

bool UidBudgets::allows(const Uid& uid, std::uint64_t now_ns) {
  forget_old(now_ns);
  const ActBudget::Config& budget = budget_of(uid);
  const auto spent = std::count_if(acts_.begin(), acts_.end(), [&](const Act& act) {
    return act.uid == uid && now_ns - act.at_ns < budget.window_ns;
  });
  return static_cast<std::size_t>(spent) < budget.acts;
}

bool UidBudgets::has_room(std::uint64_t now_ns) {
  forget_old(now_ns);
  return acts_.size() < config_.capacity;
}

void UidBudgets::spend(const Uid& uid, std::uint64_t now_ns) { acts_.push_back({uid, now_ns}); }

void UidBudgets::give_back(const Uid& uid, std::uint64_t at_ns) {
  const auto spent = std::find_if(acts_.begin(), acts_.end(), [&](const Act& act) {
    return act.uid == uid && act.at_ns == at_ns;
  });
  if (spent != acts_.end()) acts_.erase(spent);
}

bool UidBudgets::is_news(const Uid& uid) {
  const auto last =
      std::find_if(acts_.rbegin(), acts_.rend(), [&](const Act& act) { return act.uid == uid; });
  if (last == acts_.rend() || last->told) return false;
  last->told = true;
  return true;
}

const ActBudget::Config& UidBudgets::budget_of(const Uid& uid) const {
  return uid.value_or(0) == 0 ? config_.root : config_.user;
}

void UidBudgets::forget_old(std::uint64_t now_ns) {
  const std::uint64_t window_ns = std::max(config_.user.window_ns, config_.root.window_ns);
  while (!acts_.empty() && now_ns - acts_.front().at_ns >= window_ns) acts_.pop_front();
}

}  // namespace hb
