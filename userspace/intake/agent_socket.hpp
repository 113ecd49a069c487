// Creates the socket that local agents send to, in the only safe order: set the queue length,
// create the socket, attach and lock the program; the caller binds it last. Used by `run`, and by
// the observers of `compare` and `bench`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/source.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

struct AgentSocket {
  std::unique_ptr<UnixListener> listener;  // not bound
  std::uint64_t queue_length;              // in force
  std::optional<Error> queue_problem;      // why it is not the requested one
};

// `program`: nullptr for procfs attestation. `queue_length` 0: the host's net.unix.max_dgram_qlen,
// as always with ring delivery: only refused datagrams are queued then, and a short queue makes
// their senders get EAGAIN sooner.
//
// `passed`: a socket that is bound already, see UnixListener::open_passed(). What waits in it has
// no stamp, so the program must deliver by ring, where the queue is only discarded.
[[nodiscard]] Result<AgentSocket> open_agent_socket(kernel::StampProgram* program,
                                                    std::uint64_t queue_length, Fd passed = Fd());

}  // namespace hb::intake
