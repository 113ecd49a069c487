#include "kernel/ring_exits.hpp"

#include <sys/wait.h>

#include "stamp.h"

namespace hb::kernel {
namespace {

ExitStatus exit_status(std::uint32_t wait_status) {
  const int status = static_cast<int>(wait_status);
  if (WIFSIGNALED(status)) return {.code = {}, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = {}};
}

ProcessExit process_exit(const hb_exit& gone) {
  return {.pid = gone.tgid,
          .generation_ns = gone.generation_ns,
          .at_ns = gone.ktime_ns,
          .status = exit_status(gone.wait_status)};
}

}  // namespace

// Who is out of the observer's sight was never tracked.
const ProcessExit* RingExits::front() {
  while (!front_) {
    const auto record = ring_.front();
    if (!record) return nullptr;
    const auto gone = record_as<hb_exit>(*record);
    if (gone && gone->tgid != 0) front_ = process_exit(*gone);
    ring_.pop();
    ring_.release();
  }
  return &*front_;
}

}  // namespace hb::kernel
