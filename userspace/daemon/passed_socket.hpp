// The agents' socket where a service manager has bound it (a systemd socket unit with
// ListenDatagram=), and passes it by LISTEN_FDS. It outlives the observer, so agents can send
// before the first one is there and between two.
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "keep/descriptor_name.hpp"

namespace hb::daemon {

// The FileDescriptorName= of the unit; without one, the name is the unit's own: "hb-ebpf.socket".
inline constexpr const char* kPassedSocket = "agents";

// Takes it out of `inherited`. None: no socket was passed. The Error: more than one was.
[[nodiscard]] Result<Fd> take_passed_socket(Result<std::vector<keep::NamedFd>>& inherited);

}  // namespace hb::daemon
