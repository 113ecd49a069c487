#include "recovery/recovery_policy.hpp"

#include <algorithm>

namespace hb {
namespace {

constexpr std::size_t kMaxRemembered = 65'536;

// Room for as many acts as the budget over all agents allows for in the longer of the windows.
std::size_t capacity(const ActBudget::Config& all, const ActBudget::Config& user) {
  const std::uint64_t windows = 1 + user.window_ns / std::max<std::uint64_t>(all.window_ns, 1);
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(windows * (all.acts + 1), kMaxRemembered));
}

UidBudgets::Config shares(const RecoveryPolicy::Config& config) {
  UidBudgets::Config shares;
  shares.user = config.budget_per_uid.value_or(UidBudgets::share_of_user(config.budget));
  shares.root = UidBudgets::share_of_root(config.budget);
  shares.capacity = capacity(config.budget, shares.user);
  return shares;
}

}  // namespace

RecoveryPolicy::RecoveryPolicy(const Config& config)
    : config_(config),
      debounce_(config.debounce_capacity, config.debounce_ns, config.seed),
      uid_budgets_(shares(config)),
      budget_(config.budget) {}

Decision RecoveryPolicy::decide(const Stall& stall, std::uint64_t now_ns) {
  Gate shut = host(stall);
  if (!shut) shut = origin(stall);
  if (!shut) shut = pid_namespace(stall);
  if (!shut) shut = generation(stall);
  if (!shut) shut = exit(stall);
  if (!shut) shut = startup(now_ns);
  if (!shut) shut = debounce(stall, now_ns);
  if (!shut) shut = uid_budget(stall, now_ns);
  if (!shut) shut = budget(now_ns);
  if (shut) return Refused{*shut};
  return Act{};
}

void RecoveryPolicy::commit(const Stall& stall, std::uint64_t now_ns) {
  debounce_.note(process_of(stall), now_ns);
  uid_budgets_.spend(stall.uid, now_ns);
  budget_.spend(now_ns);
}

void RecoveryPolicy::denied(std::uint64_t acted_ns) { budget_.give_back(acted_ns); }

void RecoveryPolicy::not_begun(const Stall& stall, std::uint64_t acted_ns) {
  budget_.give_back(acted_ns);
  uid_budgets_.give_back(stall.uid, acted_ns);
}

void RecoveryPolicy::completed(const Stall& stall, std::uint64_t now_ns) {
  debounce_.note(process_of(stall), now_ns);
}

RecoveryPolicy::Gate RecoveryPolicy::host(const Stall& stall) {
  if (stall.host.is_this_host()) return std::nullopt;
  return RecoveryRefusal::RemoteHost;
}

RecoveryPolicy::Gate RecoveryPolicy::origin(const Stall& stall) const {
  switch (stall.origin) {
    case BeatOrigin::KernelAttested:
    case BeatOrigin::OperatorAttestedTransport: return std::nullopt;
    case BeatOrigin::SocketModeOnly:
      if (config_.accept_unauthenticated) return std::nullopt;
      return RecoveryRefusal::OriginUnattested;
    case BeatOrigin::NetworkUnverified: return RecoveryRefusal::OriginUnattested;
  }
  return RecoveryRefusal::OriginUnattested;
}

// A transport that the operator vouched for knows of no namespaces; vouching includes that its pids
// are ours.
RecoveryPolicy::Gate RecoveryPolicy::pid_namespace(const Stall& stall) const {
  const bool vouched = stall.origin == BeatOrigin::OperatorAttestedTransport;
  if (!stall.pid_ns_inode && vouched) return std::nullopt;
  if (!stall.pid_ns_inode || config_.observer_ns_inode == 0) {
    return RecoveryRefusal::NamespaceUnknown;
  }
  if (*stall.pid_ns_inode == config_.observer_ns_inode) return std::nullopt;
  if (config_.allow_cross_namespace) return std::nullopt;
  return RecoveryRefusal::NamespaceForeign;
}

RecoveryPolicy::Gate RecoveryPolicy::generation(const Stall& stall) const {
  if (stall.generation_ns != 0) return std::nullopt;
  const bool has_one = stall.origin == BeatOrigin::KernelAttested;
  if (has_one || config_.signals) return RecoveryRefusal::GenerationUnknown;
  return std::nullopt;
}

RecoveryPolicy::Gate RecoveryPolicy::exit(const Stall& stall) const {
  if (!config_.signals || stall.cause != StallCause::Exited) return std::nullopt;
  return RecoveryRefusal::AlreadyExited;
}

RecoveryPolicy::Gate RecoveryPolicy::startup(std::uint64_t now_ns) const {
  if (now_ns >= config_.act_from_ns) return std::nullopt;
  return RecoveryRefusal::StartupGrace;
}

RecoveryPolicy::Gate RecoveryPolicy::debounce(const Stall& stall, std::uint64_t now_ns) {
  if (debounce_.holds(process_of(stall), now_ns)) return RecoveryRefusal::Debounced;
  if (!debounce_.has_room(now_ns)) return RecoveryRefusal::DebounceFull;
  return std::nullopt;
}

RecoveryPolicy::Gate RecoveryPolicy::uid_budget(const Stall& stall, std::uint64_t now_ns) {
  if (!uid_budgets_.allows(stall.uid, now_ns)) return RecoveryRefusal::UidBudgetExhausted;
  if (!uid_budgets_.has_room(now_ns)) return RecoveryRefusal::UidBudgetFull;
  return std::nullopt;
}

RecoveryPolicy::Gate RecoveryPolicy::budget(std::uint64_t now_ns) const {
  if (budget_.allows(now_ns)) return std::nullopt;
  return RecoveryRefusal::BudgetExhausted;
}

}  // namespace hb
