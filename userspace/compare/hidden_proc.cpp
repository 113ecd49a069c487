// The observer is started, and then its /proc is hidden.
#include "compare/mount.hpp"
#include "compare/plays.hpp"
#include "procfs/mount_point.hpp"

namespace hb::compare {

Outcome hidden_proc(const Stage& stage) {
  const auto sender =
      stage.enter([&](Line& line) { return beat_and_stay(stage.sockets(), own_pid(), line); });
  if (!sender) return sender.error();
  const auto hidden = Mount::make("tmpfs", kProcfsMountPoint);
  if (!hidden) return hidden.error();
  return Observed(stage.judge());
}

}  // namespace hb::compare
