#include "identity/verdict.hpp"

namespace hb {
namespace {

AuthFailureCause cause_of(Unattested why) {
  switch (why) {
    case Unattested::NoStamp: return AuthFailureCause::NoStamp;
    case Unattested::AmbiguousStamp: return AuthFailureCause::AmbiguousStamp;
    case Unattested::KernelThread: return AuthFailureCause::KernelThread;
    case Unattested::Unreadable: return AuthFailureCause::Unreadable;
  }
  return AuthFailureCause::NoStamp;
}

std::optional<std::uint32_t> visible(std::uint32_t tgid) {
  if (tgid == 0) return std::nullopt;
  return tgid;
}

Verdict native(std::uint32_t claimed_pid, const Identity& sender) {
  if (sender.tgid != 0 && claimed_pid == sender.tgid) return Accepted{sender.tgid};
  return Forged{AuthFailureCause::PidMismatch, visible(sender.tgid)};
}

// 0 means "not known" in both of the sender's pids and is never a legal claim.
bool is_own_number(std::uint32_t claimed_pid, const Identity& sender) {
  return claimed_pid != 0 && (claimed_pid == sender.own_tgid || claimed_pid == sender.tgid);
}

Verdict foreign(std::uint32_t claimed_pid, const Identity& sender, const Policy& policy) {
  if (!is_own_number(claimed_pid, sender)) {
    return Forged{AuthFailureCause::PidMismatch, visible(sender.tgid)};
  }
  if (policy.allow_cross_namespace && sender.tgid != 0) return Accepted{sender.tgid};
  return ForeignNamespace{sender.pid_ns_inode, visible(sender.tgid)};
}

Verdict claimed(std::uint32_t claimed_pid) {
  if (claimed_pid == 0 || claimed_pid >= kPidLimit) {
    return Forged{AuthFailureCause::PidMismatch, std::nullopt};
  }
  return Accepted{claimed_pid};
}

}  // namespace

bool may_claim_init(const Attestation& attestation, const Policy& policy) {
  const auto* sender = std::get_if<Identity>(&attestation);
  if (sender == nullptr || !policy.allow_cross_namespace) return false;
  const bool is_foreign = policy.observer_ns_inode != 0 && sender->pid_ns_inode != 0 &&
                          sender->pid_ns_inode != policy.observer_ns_inode;
  return is_foreign && sender->own_tgid == 1 && sender->tgid > 1;
}

Verdict verdict(std::uint32_t claimed_pid, const Attestation& attestation, const Policy& policy) {
  if (const auto* why = std::get_if<Unattested>(&attestation)) {
    return Forged{cause_of(*why), std::nullopt};
  }
  if (std::holds_alternative<ClaimOnly>(attestation)) return claimed(claimed_pid);
  const auto& sender = std::get<Identity>(attestation);
  const bool same_namespace =
      policy.observer_ns_inode != 0 && sender.pid_ns_inode == policy.observer_ns_inode;
  return same_namespace ? native(claimed_pid, sender) : foreign(claimed_pid, sender, policy);
}

}  // namespace hb
