#include "lab/bench/lab.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

#include "lab/bench/time.hpp"

namespace hb::bench {

bool Lab::is_stopped() const {
  pollfd polled{stop_fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

Result<> Lab::rest(std::uint64_t duration_ns) const {
  const timespec timeout = as_timespec(duration_ns);
  pollfd polled{stop_fd, POLLIN, 0};
  if (::ppoll(&polled, 1, &timeout, nullptr) > 0) return Error{"interrupted", EINTR};
  return ok();
}

}  // namespace hb::bench
