// The signaller process: forks, for each request, a child that becomes the agent's user and sends
// one signal by pidfd, so that the kernel checks with that user's authority and at that instant
// whether the process may be signalled (kill(2)).
//
// The child belongs to that user while it lives, so it has nothing to be taken: one descriptor, the
// pidfd; no capability (as uid 0: CAP_KILL alone, which is what root may); no group that the user
// is in, so that ptrace(2) and prlimit(2) of the user fail (their gids must match, too), whatever
// fs.suid_dumpable is; and the memory of this process, which was forked from the observer before it
// read a key. What the user can do is to stop or kill it. That is an answer: TimedOut or Killed.
//
// Ends when the observer's end of the socket is closed; all other signals but SIGKILL are blocked,
// and it has a session of its own, so that what is meant for the observer does not end it.
#pragma once

#include <functional>

#include "base/fd.hpp"
#include "recovery/signaller_wire.hpp"

namespace hb {

// Sheds what the process does not need and says whose authority is left to it.
using PrepareSignaller = std::function<Result<SignalAuthority>()>;

// The whole life of the process, in a child that has just been forked, with no other thread.
[[noreturn]] void run_signaller(Fd socket, const PrepareSignaller& prepare);

}  // namespace hb
