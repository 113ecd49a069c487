// Who sent a datagram, as far as is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "identity/host_address.hpp"
#include "stamp.h"

namespace hb {

// The number of budgets, and the index that means "no budget": see struct hb_owner.
inline constexpr std::size_t kOwners = HB_OWNERS;
inline constexpr std::uint32_t kNoOwner = HB_NO_OWNER;
// Of all agents on the network together: no budget in the kernel, but one of agents.
inline constexpr std::uint32_t kNetworkOwner = HB_OWNERS;

// One process, as it was inside sendmsg(2). (tgid, generation) identifies a process; a pid alone
// does not. A namespace's inode may be reused once no process is in it.
struct Identity {
  std::uint32_t tgid = 0;           // in the observer's PID namespace; 0: it has none there
  std::uint32_t own_tgid = 0;       // in its own PID namespace; 0: not known (procfs attestation)
  std::uint32_t pid_ns_inode = 0;   // the PID namespace it is in
  std::uint32_t uid = 0;            // real uid, initial user namespace; known with generation_ns
  std::uint32_t slot = 0;           // of the kernel's table of senders; known with generation_ns
  std::uint32_t owner = kNoOwner;   // whose budget it spends (hb_stamp); known with generation_ns
  std::uint64_t generation_ns = 0;  // start_boottime of the group leader; 0: not known
  std::uint64_t cgroup_id = 0;      // cgroup v2 directory inode; 0: not known
  std::uint64_t sent_ns = 0;        // CLOCK_MONOTONIC inside its sendmsg(2); 0: not known

  friend bool operator==(const Identity&, const Identity&) = default;

  // Everything that is not compared may change while a process lives.
  [[nodiscard]] bool same_process(const Identity& other) const {
    return generation_ns == other.generation_ns && own_tgid == other.own_tgid &&
           tgid == other.tgid && pid_ns_inode == other.pid_ns_inode;
  }
};

// Why the sender is not known. A frame with one of these is never accepted.
enum class Unattested : std::uint8_t {
  NoStamp,         // the kernel program wrote none, or it was lost
  AmbiguousStamp,  // two processes sent the same bytes with the same credentials
  KernelThread,    // sent by the kernel itself
  Unreadable,      // procfs attestation only: /proc/<pid> gave no answer
};

// The transport attests no process (the network): the claimed pid is taken as it is, and the beat's
// origin says so. A pid of another host is no process of this one: it names an agent only together
// with that host's address, or with a key that is the agent's own.
struct ClaimOnly {
  HostAddress host;          // where the agent is; kThisHost: a pid of the observer's host
  bool has_own_key = false;  // sealed with a key that only the agent with this pid has

  [[nodiscard]] bool is_remote() const { return !host.is_this_host(); }
};

using Attestation = std::variant<Identity, Unattested, ClaimOnly>;

}  // namespace hb
