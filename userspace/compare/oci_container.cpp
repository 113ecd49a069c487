// Agents inside a container, as those who run containers make them.
#include <linux/sched.h>
#include <unistd.h>

#include <cerrno>

#include "compare/mount.hpp"
#include "compare/oci_bundle.hpp"
#include "compare/oci_runtime.hpp"
#include "compare/plays.hpp"
#include "procfs/mount_point.hpp"

namespace hb::compare {
namespace {

// In a PID namespace around the runtime, so that no container can outlive it. Ends with the
// container, or when told to.
Status keep_container(const std::string& directory, const std::string& name, Line& line) {
  if (auto kept = keep_mounts_private(); !kept) return kept;
  const auto procfs = Mount::make("proc", kProcfsMountPoint);
  if (!procfs) return procfs.error();
  const auto container = OciRuntime::start(directory, name);
  if (!container) return container.error();
  const auto told = line.hear({container.value().fd(), -1});
  return told ? ok() : Status(container.value().why_it_ended());
}

// How long it takes a container to start is known to nobody; a runtime that gives up says so.
Status wait_for_frames(const Stage& stage, const Child& container) {
  for (const Way way : kWays) {
    const Column* column = stage.columns().column(way);
    if (column == nullptr) continue;
    const Patience patience{container.fd(), stage.patience().deadline_ms};
    const auto arrived = wait_for(column->fd(), patience, "a frame from the container");
    if (arrived) continue;
    if (arrived.error().code != EINTR) return arrived;
    const auto told = container.hear();
    return told ? Error{"the container speaks"} : told.error();
  }
  return ok();
}

}  // namespace

// An interruption waits here until the runtime has tidied up the host's cgroups.
Outcome oci_container(const Stage& stage) {
  const std::string directory = stage.directory() + "/oci";
  if (auto made = make_bundle(directory, stage.sockets()); !made) return made.error();
  const std::string name = "hb-compare-" + std::to_string(::getpid());
  auto container =
      Child::start([&](Line& line) { return keep_container(directory, name, line); },
                   {CLONE_NEWPID | CLONE_NEWNS, {}}, {-1, stage.patience().deadline_ms});
  if (!container) return container.error();
  const auto arrived = wait_for_frames(stage, container.value());
  const Conclusions conclusions = arrived ? stage.judge() : Conclusions{};
  container.value().tell("enough");
  [[maybe_unused]] const auto gone = container.value().finish();
  if (!arrived) return arrived.error();
  return Observed(conclusions);
}

}  // namespace hb::compare
