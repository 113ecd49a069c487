#include "lab/bench/ordinary_user.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.hpp"

namespace hb::bench {
namespace {

// Lifts RLIMIT_NPROC, so that forks of the flood do not fail.
void lift_process_limit() {
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_NPROC, &none);
}

Result<> die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return Error{"its parent has ended"};
  return ok();
}

}  // namespace

Result<> become_user(std::uint32_t uid, pid_t parent) {
  lift_process_limit();
  const bool failed = ::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
                      ::setresuid(uid, uid, uid) != 0;
  const int code = errno;
  if (failed) return os_error(code, "cannot become user " + std::to_string(uid));
  return die_with(parent);
}

Result<> join_cgroup(const std::string& directory) {
  const Fd members(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  int code = errno;
  if (!members) return os_error(code, "cannot open the cgroup " + directory);
  const ssize_t written = ::write(members.get(), "0", 1);  // 0: this process
  code = errno;
  if (written != 1) return os_error(code, "cannot join the cgroup " + directory);
  return ok();
}

}  // namespace hb::bench
