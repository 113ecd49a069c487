// The verdict: is the process that sent this frame the process it claims to be? A pure function of
// the claim, the attested identity and the policy; nothing is looked up.
//
//   sender's namespace  claimed pid                         verdict
//   observer's          the attested pid                    Accepted
//   observer's          anything else                       Forged, PidMismatch
//   another             the sender's own pid, or its        ForeignNamespace; or, where policy
//                       pid in the observer's namespace     allows it, Accepted under the latter
//   another             neither                             Forged, PidMismatch
//   not attested        any                                 Forged, with the cause
//   only claimed        a number that a process can have    Accepted
//   only claimed        a number that none can have         Forged, PidMismatch
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/enum_values.hpp"
#include "identity/identity.hpp"

namespace hb {

// Pids are below this on every Linux (PID_MAX_LIMIT, include/linux/threads.h). A larger claimed pid
// from the network is rejected: as a signed number it could mean a process group, or all processes,
// to kill(2).
inline constexpr std::uint32_t kPidLimit = 4 * 1024 * 1024;

struct Policy {
  std::uint32_t observer_ns_inode = 0;  // 0: unknown, so every namespace is another one
  bool allow_cross_namespace = false;   // accept agents of others that have a pid here
};

struct Accepted {
  std::uint32_t pid;  // in the observer's namespace, as kill(2) needs it
};

enum class AuthFailureCause : std::uint8_t {
  PidMismatch,
  NoStamp,
  AmbiguousStamp,
  KernelThread,
  Unreadable,  // procfs attestation only
};

// The names in logs, JSON lines and metrics.
[[nodiscard]] constexpr const char* name(AuthFailureCause cause) {
  switch (cause) {
    case AuthFailureCause::PidMismatch: return "pid_mismatch";
    case AuthFailureCause::NoStamp: return "no_stamp";
    case AuthFailureCause::AmbiguousStamp: return "ambiguous_stamp";
    case AuthFailureCause::KernelThread: return "kernel_thread";
    case AuthFailureCause::Unreadable: return "unreadable";
  }
  return kNoName;
}

struct Forged {
  AuthFailureCause cause;
  std::optional<std::uint32_t> attested_pid;  // in the observer's namespace, when it is visible
};

// A process of another PID namespace whose claim is true, but which policy does not accept, or
// which has no pid in the observer's namespace, so that it could not be signalled.
struct ForeignNamespace {
  std::uint32_t ns_inode;
  std::optional<std::uint32_t> attested_pid;  // in the observer's namespace, when it is visible
};

using Verdict = std::variant<Accepted, Forged, ForeignNamespace>;

// The sender is the first process of a PID namespace that is known not to be the observer's, it has
// another pid here, and policy accepts agents there: only then may a frame claim pid 1.
[[nodiscard]] bool may_claim_init(const Attestation& attestation, const Policy& policy);

[[nodiscard]] Verdict verdict(std::uint32_t claimed_pid, const Attestation& attestation,
                              const Policy& policy);

}  // namespace hb
