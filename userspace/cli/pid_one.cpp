#include "cli/pid_one.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace hb::cli {

void warn_of_pid_one() {
  if (::getpid() != 1) return;
  spdlog::warn(
      "this process is pid 1 of its PID namespace, which only an observer with "
      "--allow-cross-namespace-agents lets a frame claim (elsewhere: decode BadPid); or start an "
      "init before it (docker run --init)");
}

}  // namespace hb::cli
