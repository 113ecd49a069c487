// Agents that are pid 1 of a container.
#pragma once

namespace hb::cli {

// Logs what to do about it, if this process is one.
void warn_of_pid_one();

}  // namespace hb::cli
