// Where in the kernel a thread of this process sleeps.
#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>

namespace hb {

// The kernel function that thread `tid` sleeps in ("tcp_close", see wchan in proc(5)), in `room`;
// empty when it runs or may not be read. Takes no lock and allocates nothing.
[[nodiscard]] std::string_view wait_channel(pid_t tid, std::span<char> room);

}  // namespace hb
