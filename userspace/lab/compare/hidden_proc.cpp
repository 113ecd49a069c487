// /proc is hidden after the observer has started.
#include "lab/compare/plays.hpp"
#include "lab/mount.hpp"
#include "lab/mount_point.hpp"

namespace hb::compare {

Outcome hidden_proc(const Stage& stage) {
  const auto sender =
      stage.enter([&](lab::Line& line) { return beat_and_stay(stage.sockets(), own_pid(), line); });
  if (!sender) return sender.error();
  const auto hidden = lab::Mount::make("tmpfs", kProcfsMountPoint);
  if (!hidden) return hidden.error();
  return Observed(stage.judge());
}

}  // namespace hb::compare
