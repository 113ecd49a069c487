#include "lab/bench/gnuplot.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/fd.hpp"

namespace hb::bench {
namespace {

// Absolute paths: PATH is not used, as this may run as root.
constexpr std::array kPlaces = {"/usr/bin/gnuplot", "/usr/local/bin/gnuplot"};

const char* find_gnuplot() {
  for (const char* place : kPlaces) {
    if (::access(place, X_OK) == 0) return place;
  }
  return nullptr;
}

[[noreturn]] void become(const char* program, int in, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::array<char*, 2> argv{const_cast<char*>(program), nullptr};
  if (::dup2(in, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0) {
    ::execv(program, argv.data());
  }
  ::_exit(127);
}

// 0, or errno.
int feed(int fd, std::string_view script) {
  while (!script.empty()) {
    const ssize_t written = ::send(fd, script.data(), script.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    script.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<> gnuplot_is_there() {
  if (find_gnuplot() != nullptr) return ok();
  return Error{"gnuplot is not installed: apt-get install gnuplot-nox", ENOENT};
}

Result<> run_gnuplot(const std::string& script, int out_fd) {
  const char* program = find_gnuplot();
  if (program == nullptr) return gnuplot_is_there();
  std::array<int, 2> ends{};
  const int refused = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  int code = errno;
  if (refused != 0) return os_error(code, "cannot make a socket pair for gnuplot");
  Fd ours(ends[0]);
  Fd its(ends[1]);
  const pid_t pid = ::fork();
  code = errno;
  if (pid < 0) return os_error(code, "cannot start gnuplot");
  if (pid == 0) become(program, its.get(), out_fd);
  its.reset();
  const int unfed = feed(ours.get(), script);
  ours.reset();
  const int status = reap(pid);
  if (unfed != 0) return os_error(unfed, "cannot write to gnuplot");
  if (status != 0) return Error{"gnuplot failed, status " + std::to_string(status)};
  return ok();
}

}  // namespace hb::bench
