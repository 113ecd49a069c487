// The sender of a datagram according to its stamp.
#pragma once

#include "identity/identity.hpp"
#include "stamp.h"

namespace hb {

// Of the observer itself: neither a frame nor an attempt.
[[nodiscard]] inline bool is_self_beat(const hb_stamp& stamp) {
  return stamp.version == HB_STAMP_VERSION && (stamp.flags & HB_STAMP_SELF_BEAT) != 0;
}

[[nodiscard]] inline Attestation sender_of(const hb_stamp& stamp) {
  if ((stamp.flags & HB_STAMP_KERNEL_THREAD) != 0) return Unattested::KernelThread;
  return Identity{.tgid = stamp.tgid,
                  .own_tgid = stamp.own_tgid,
                  .pid_ns_inode = stamp.pid_ns_inode,
                  .uid = stamp.uid,
                  .slot = stamp.slot,
                  .owner = stamp.owner,
                  .generation_ns = stamp.generation_ns,
                  .cgroup_id = stamp.cgroup_id,
                  .sent_ns = stamp.ktime_ns};
}

}  // namespace hb
