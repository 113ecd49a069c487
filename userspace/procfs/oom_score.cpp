#include "procfs/oom_score.hpp"

#include <fcntl.h>

#include <cerrno>

namespace hb {

Result<Fd> open_own_oom_score() {
  Fd file(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  const int code = errno;
  if (!file) return os_error(code, "cannot open /proc/self/oom_score_adj");
  return file;
}

}  // namespace hb
