#include "recovery/signaller_process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "recovery/pidfd.hpp"

namespace hb {
namespace {

// Exit codes of the child: an errno of pidfd_send_signal(2) or 0; from here on, of what went
// before.
constexpr int kNotSent = 128;
constexpr int kLastErrno = kNotSent - 1;

int errno_of(int result) { return result == 0 ? 0 : errno; }

// --- In the child ---

// Of the capabilities in effect, as many as stay. Without libcap, which allocates.
int keep_capabilities(std::uint32_t uid) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return errno;
  const std::uint32_t kept = uid == 0 ? sets[0].permitted & CAP_TO_MASK(CAP_KILL) : 0;
  sets[0] = {kept, kept, 0};
  sets[1] = {};
  return errno_of(static_cast<int>(::syscall(SYS_capset, &header, sets)));
}

// setresuid(2) sets "dumpable" to fs.suid_dumpable and takes the parent-death signal away.
int become(std::uint32_t uid) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  ::getresuid(&real, &effective, &saved);
  const bool is_it = real == uid && effective == uid && saved == uid;
  if (!is_it && ::setresuid(uid, uid, uid) != 0) return errno;
  if (const int code = keep_capabilities(uid); code != 0) return code;
  if (const int code = errno_of(::prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL)); code != 0) {
    return code;
  }
  return errno_of(::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL));
}

int keep_only(const Fd& pidfd) {
  if (::dup2(pidfd.get(), 0) < 0) return errno;
  return errno_of(::close_range(1, ~0U, 0));
}

[[noreturn]] void signal_as(const SignalRequest& request, const Fd& pidfd) {
  int code = keep_only(pidfd);
  if (code == 0) code = become(request.uid);
  if (code != 0) ::_exit(kNotSent + std::min(code, kLastErrno));
  code =
      errno_of(static_cast<int>(::syscall(SYS_pidfd_send_signal, 0, request.signal, nullptr, 0U)));
  ::_exit(std::min(code, kLastErrno));
}

// --- In the process ---

int poll_ms(std::uint64_t now_ns, std::uint64_t until_ns) {
  if (until_ns <= now_ns) return 0;
  return static_cast<int>(std::min<std::uint64_t>((until_ns - now_ns) / kNsPerMs + 1, 60'000));
}

class SignallerProcess {
 public:
  SignallerProcess(Fd socket, Fd child_ends)
      : socket_(std::move(socket)), child_ends_(std::move(child_ends)) {}

  [[noreturn]] void run() {
    for (;;) {
      wait();
      reap();
      kill_overdue();
    }
  }

 private:
  struct Child {
    std::uint64_t id;
    pid_t pid;
    std::uint64_t deadline_ns;
    bool timed_out = false;
  };

  void wait() {
    pollfd polled[] = {{socket_.get(), POLLIN, 0}, {child_ends_.get(), POLLIN, 0}};
    if (::poll(polled, 2, poll_ms()) <= 0) return;
    if (polled[1].revents != 0) take_child_ends();
    if (polled[0].revents != 0) take_request();
  }

  [[nodiscard]] int poll_ms() const {
    int rest_ms = -1;
    for (const Child& child : children_) {
      if (child.timed_out) continue;  // SIGKILL is on its way
      const int ms = hb::poll_ms(clock_.now_ns(), child.deadline_ns);
      rest_ms = rest_ms < 0 ? ms : std::min(rest_ms, ms);
    }
    return rest_ms;
  }

  void take_child_ends() const {
    signalfd_siginfo ignored{};
    while (::read(child_ends_.get(), &ignored, sizeof(ignored)) > 0) {
    }
  }

  void take_request() {
    auto received = receive_request(socket_);
    if (!received) {
      if (received.error().code == EINTR) return;
      end();
    }
    if (!received.value()) end();
    start(received.value()->request, received.value()->pidfd);
  }

  void start(const SignalRequest& request, const Fd& pidfd) {
    using Kind = SignalAnswer::Kind;
    if (!pidfd) return answer({request.id, Kind::NotSent, EMFILE});
    if (clock_.now_ns() >= request.deadline_ns) return answer({request.id, Kind::TimedOut, 0});
    const pid_t pid = ::fork();
    const int code = errno;
    if (pid == 0) signal_as(request, pidfd);
    if (pid < 0) return answer({request.id, Kind::NotSent, code});
    children_.push_back({request.id, pid, request.deadline_ns});
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto child = std::find_if(children_.begin(), children_.end(),
                                      [&](const Child& one) { return one.pid == pid; });
      if (child == children_.end()) continue;
      answer(answer_of(*child, status));
      children_.erase(child);
    }
  }

  static SignalAnswer answer_of(const Child& child, int status) {
    using Kind = SignalAnswer::Kind;
    if (WIFEXITED(status)) {
      const int code = WEXITSTATUS(status);
      if (code < kNotSent) return {child.id, Kind::Sent, code};
      return {child.id, Kind::NotSent, code - kNotSent};
    }
    if (child.timed_out) return {child.id, Kind::TimedOut, 0};
    return {child.id, Kind::Killed, WTERMSIG(status)};
  }

  // By a number that stays theirs until reap().
  void kill_overdue() {
    for (Child& child : children_) {
      if (child.timed_out || clock_.now_ns() < child.deadline_ns) continue;
      child.timed_out = true;
      ::kill(child.pid, SIGKILL);
    }
  }

  void answer(const SignalAnswer& answer) {
    if (!send_all(socket_, &answer, sizeof(answer))) end();
  }

  // The children have SIGKILL as their parent-death signal, but for an instant; hence by hand.
  [[noreturn]] void end() {
    for (const Child& child : children_) ::kill(child.pid, SIGKILL);
    ::_exit(0);
  }

  const Fd socket_;
  const Fd child_ends_;
  const MonotonicClock clock_;
  std::vector<Child> children_;
};

[[noreturn]] void give_up(const Fd& socket, const Error& error) {
  SignallerHello hello;
  std::strncpy(hello.problem.data(), error.message.c_str(), hello.problem.size() - 1);
  send_all(socket, &hello, sizeof(hello));
  ::_exit(1);
}

// Nothing of the observer's is left open: whoever reads its event stream sees the end of it when
// the observer ends.
Result<> leave_descriptors(Fd& socket) {
  const int null = ::open("/dev/null", O_RDWR);
  int code = errno;
  if (null < 0) return os_error(code, "cannot open /dev/null");
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) ::dup2(null, fd);
  constexpr int kSocket = STDERR_FILENO + 1;
  if (socket.get() != kSocket) socket = Fd(::dup2(socket.get(), kSocket));
  const int closed = ::close_range(kSocket + 1, ~0U, 0);
  code = errno;
  return closed == 0 ? ok() : Result<>(os_error(code, "cannot close descriptors (close_range)"));
}

Result<Fd> watch_child_ends() {
  sigset_t signals;
  ::sigfillset(&signals);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  Fd watch(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  const int code = errno;
  if (!watch) return os_error(code, "cannot watch children (signalfd)");
  return watch;
}

}  // namespace

void run_signaller(Fd socket, const PrepareSignaller& prepare) {
  ::setsid();
  ::prctl(PR_SET_NAME, "hb-ebpf-signal", 0UL, 0UL, 0UL);
  if (auto left = leave_descriptors(socket); !left) give_up(socket, left.error());
  auto child_ends = watch_child_ends();
  if (!child_ends) give_up(socket, child_ends.error());
  const auto authority = prepare();
  if (!authority) give_up(socket, authority.error());
  // After the change of uid, which takes it away.
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
  SignallerHello hello;
  hello.authority = authority.value();
  if (!send_all(socket, &hello, sizeof(hello))) ::_exit(0);
  SignallerProcess(std::move(socket), std::move(child_ends).value()).run();
}

}  // namespace hb
