#include "intake/ring_exits.hpp"

#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <string_view>
#include <utility>

#include "stamp.h"

namespace hb::intake {
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
          .status = exit_status(gone.wait_status),
          .comm = Comm(std::string_view(gone.comm, sizeof(gone.comm)))};
}

}  // namespace

RingExits::RingExits(kernel::RingReader& ring, hb_progress* progress)
    : ring_(ring), progress_(progress) {
  if (progress_ == nullptr || progress_->has_exit == 0) return;
  front_ = process_exit(progress_->exit);
  may_be_twice_ = true;
}

// A kill leaves all stores up to an instruction, so it suffices that the compiler keeps their
// order.
void RingExits::hold(const hb_exit& gone) {
  if (progress_ == nullptr) return;
  progress_->exit = gone;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  progress_->has_exit = 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// A process without a pid in the observer's namespace (tgid 0) was never tracked.
// A record that was discarded to wake the observer is released too: until then poll(2) reports the
// ring as readable.
const ProcessExit* RingExits::front() {
  if (!front_ && progress_ != nullptr) progress_->has_exit = 0;
  while (!front_) {
    const auto record = ring_.front();
    if (!record) {
      ring_.release();
      return nullptr;
    }
    const auto gone = kernel::record_as<hb_exit>(*record);
    const bool is_twice = std::exchange(may_be_twice_, false) && gone &&
                          std::memcmp(&*gone, &progress_->exit, sizeof(*gone)) == 0;
    if (gone && gone->tgid != 0 && !is_twice) {
      hold(*gone);
      front_ = process_exit(*gone);
    }
    ring_.pop();
    ring_.release();
  }
  return &*front_;
}

std::optional<ProcessExit> RingExits::find(std::uint32_t pid, std::uint64_t generation_ns) const {
  std::optional<ProcessExit> found;
  if (front_ && front_->pid == pid && front_->generation_ns == generation_ns) return front_;
  ring_.look([&](kernel::RingReader::Bytes record) {
    const auto gone = kernel::record_as<hb_exit>(record);
    if (!gone || gone->tgid != pid || gone->generation_ns != generation_ns) return;
    found = process_exit(*gone);
  });
  return found;
}

}  // namespace hb::intake
