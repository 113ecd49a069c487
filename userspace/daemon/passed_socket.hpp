// The agents' socket where a service manager has bound it (a systemd socket unit with
// ListenDatagram=), and passes it by LISTEN_FDS. It outlives the observer, so agents can send
// before the first one is there and between two.
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "daemon/config.hpp"
#include "keep/descriptor_name.hpp"

namespace hb::daemon {

// The FileDescriptorName= of the unit; without one, the name is the unit's own: "hb-ebpf.socket".
inline constexpr const char* kPassedSocket = "agents";

// Takes it out of `inherited`. None: no socket was passed. The Error: more than one was.
[[nodiscard]] Result<Fd> take_passed_socket(Result<std::vector<keep::NamedFd>>& inherited);

// What waits in such a socket at the start was sent before the kernel program was on it, and must
// not be taken for forged. With --delivery ring the queue is only discarded, so that is what
// `options` say from then on. The Error: they do not permit it.
[[nodiscard]] Result<> read_by_ring(RunConfig& options);

}  // namespace hb::daemon
