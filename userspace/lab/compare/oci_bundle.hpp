// An OCI bundle (config.json and a root file system) whose container runs hb-ebpf as an agent.
#pragma once

#include <string>

#include "base/result.hpp"
#include "lab/compare/sender.hpp"

namespace hb::compare {

// Makes `directory`/bundle. The root file system consists of read-only bind mounts of the host's
// programs and libraries, and of the directory of the sockets. The container has its own PID,
// mount, IPC and UTS namespaces; in it, an agent for each socket beats once, claiming its pid
// there, and stays alive.
[[nodiscard]] Result<> make_bundle(const std::string& directory, const Sockets& sockets);

}  // namespace hb::compare
