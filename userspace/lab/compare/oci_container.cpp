// Agents in a container that is run by an OCI runtime.
#include <linux/sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "lab/compare/oci_bundle.hpp"
#include "lab/compare/oci_runtime.hpp"
#include "lab/compare/plays.hpp"
#include "lab/mount.hpp"
#include "lab/mount_point.hpp"

namespace hb::compare {
namespace {

// An emulated machine under load needs half a minute to start a container.
constexpr int kDeadline_ms = 120'000;

// Runs the runtime in its own PID namespace, so that the container ends with it. Ends with the
// container, or on request.
Result<> keep_container(const std::string& directory, const std::string& name, lab::Line& line) {
  if (auto kept = lab::keep_mounts_private(); !kept) return kept;
  const auto procfs = lab::Mount::make("proc", kProcfsMountPoint);
  if (!procfs) return procfs.error();
  const auto container = OciRuntime::start(directory, name);
  if (!container) return container.error();
  const auto told = line.hear({container.value().fd(), -1});
  return told ? ok() : Result<>(container.value().why_it_ended());
}

// An epoll descriptor of both.
Result<Fd> either(int first, int second) {
  Fd both(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {first, second}) {
    if (fd < 0) continue;
    epoll_event watched{};
    watched.events = EPOLLIN;
    if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &watched) != 0) {
      const int code = errno;
      return os_error(code, "cannot watch the container");
    }
  }
  return both;
}

// The container process sends a message only on failure; otherwise the program is to end.
Error why_stopped(const Stage& stage, const lab::Child& container) {
  const auto spoken = lab::wait_for(container.fd(), {stage.patience().stop_fd, 0}, "the container");
  if (!spoken) return spoken.error();
  const auto told = container.hear();
  return told ? Error{"unexpected message of the container process"} : told.error();
}

Result<> wait_for_frames(const Stage& stage, const lab::Child& container) {
  const auto stop = either(container.fd(), stage.patience().stop_fd);
  if (!stop) return stop.error();
  for (const Mechanism mechanism : kMechanisms) {
    const Column* column = stage.columns().column(mechanism);
    if (column == nullptr || column->reads_ring()) continue;  // nothing is queued there
    auto arrived = lab::wait_for(column->fd(), {stop.value().get(), kDeadline_ms},
                                 "a frame from the container");
    if (!arrived && arrived.error().code == EINTR) return why_stopped(stage, container);
    if (!arrived) return arrived;
  }
  return ok();
}

}  // namespace

// Even if interrupted, lets the runtime remove its cgroups.
Outcome oci_container(const Stage& stage) {
  const std::string directory = stage.directory() + "/oci";
  if (auto made = make_bundle(directory, stage.sockets()); !made) return made.error();
  const std::string name = "hb-compare-" + std::to_string(::getpid());
  auto container =
      lab::Child::start([&](lab::Line& line) { return keep_container(directory, name, line); },
                        {CLONE_NEWPID | CLONE_NEWNS, {}}, {-1, kDeadline_ms});
  if (!container) return container.error();
  const auto arrived = wait_for_frames(stage, container.value());
  const Conclusions conclusions = arrived ? stage.judge() : Conclusions{};
  container.value().tell("enough");
  [[maybe_unused]] const auto gone = container.value().finish();
  if (!arrived) return arrived.error();
  return Observed(conclusions);
}

}  // namespace hb::compare
