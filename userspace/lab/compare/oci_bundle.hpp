// A bundle (config.json and a root file system) whose container runs this very program as an agent.
#pragma once

#include <string>

#include "base/result.hpp"
#include "lab/compare/sender.hpp"

namespace hb::compare {

// Makes `directory`/bundle. The root file system holds nothing of its own: the host's programs and
// libraries are mounted into it, read-only, and the directory of the sockets. The container has its
// own PID, mount, IPC and UTS namespaces; in it, an agent for each socket beats once and
// stays alive, claiming the pid that it has inside.
[[nodiscard]] Result<> make_bundle(const std::string& directory, const Sockets& sockets);

}  // namespace hb::compare
