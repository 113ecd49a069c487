// The socket that local agents send to, made in the one order that leaves no gap: socket, queue
// length, program attached and locked; the caller binds it last. Everything that receives local
// frames is made here: `run`, and the observers of `compare` and `bench`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/source.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

struct AgentSocket {
  std::unique_ptr<UnixListener> listener;  // not bound
  std::uint64_t queue_length;              // in force
  std::optional<Error> queue_problem;      // why it is not what was asked for
};

// `program`: nullptr when stamps are not wanted. `queue_length` 0: as the host has it; also by ring
// delivery, where only refused datagrams are queued, and a short queue tells their senders so soon.
[[nodiscard]] Result<AgentSocket> open_agent_socket(kernel::StampProgram* program,
                                                    std::uint64_t queue_length);

}  // namespace hb::intake
