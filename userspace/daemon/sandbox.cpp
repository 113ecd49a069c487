#include "daemon/sandbox.hpp"

#include <seccomp.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/address_space.hpp"
#include "kernel/stamp_program.hpp"

namespace hb::daemon {
namespace {

// All that the loop, the watchdog's thread and the end of the process need.
constexpr std::array kAllowed = {
    // the clock, sleeping, waiting
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(nanosleep),
    SCMP_SYS(restart_syscall), SCMP_SYS(futex), SCMP_SYS(sched_yield),
    // sockets that are there, or are bound anew
    SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    SCMP_SYS(sendmmsg), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    // files: the export, the audit log, what is read again, the socket's own
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pwrite64), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close),
    SCMP_SYS(close_range), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
    SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    SCMP_SYS(chdir), SCMP_SYS(fchdir), SCMP_SYS(getdents64), SCMP_SYS(lseek), SCMP_SYS(ftruncate),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(fchownat),
    SCMP_SYS(umask), SCMP_SYS(pipe2),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(getrandom),
    // the watchdog's last resort
    SCMP_SYS(timer_create), SCMP_SYS(timer_settime), SCMP_SYS(timer_delete),
    // itself and its threads
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname),
    SCMP_SYS(getrlimit), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(signalfd4),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
    // the group of a new socket: only one that it has already
    SCMP_SYS(setfsgid),
    // its children, and whether an agent lives
    SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(pidfd_open)};

constexpr int kOfSeccomp = 1;  // SYS_SECCOMP (asm-generic/siginfo.h), which glibc 2.36 lacks

std::atomic<std::uint64_t> denied_calls{0};
std::atomic<int> last_denied{0};

// The kernel has skipped the call; what it returns is put into the register for it. Not where the
// signal is another process's, as it then interrupts something else.
void refuse(int /*signal*/, siginfo_t* info, void* context) {
  if (info->si_code != kOfSeccomp) return;
  last_denied.store(info->si_syscall, std::memory_order_relaxed);
  denied_calls.fetch_add(1, std::memory_order_relaxed);
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  machine.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  machine.regs[0] = static_cast<std::uint64_t>(-EPERM);
#else
#error "which register has the result of a system call on this architecture?"
#endif
}

Result<> take_refusals() {
  struct sigaction action {};
  action.sa_sigaction = refuse;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGSYS);
  if (::sigaction(SIGSYS, &action, nullptr) != 0 ||
      ::sigprocmask(SIG_UNBLOCK, &set, nullptr) != 0) {
    const int code = errno;
    return os_error(code, "cannot handle SIGSYS");
  }
  return ok();
}

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

struct Rule {
  int call;
  scmp_arg_cmp only;
};

constexpr scmp_datum_t kInt = 0xffffffff;  // of an argument that is an int: the rest is anything

constexpr scmp_datum_t kPointer = ~scmp_datum_t{0};

scmp_arg_cmp is(unsigned argument, scmp_datum_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// Calls that are allowed with some arguments only.
std::array<Rule, 10> limited_calls() {
  constexpr scmp_datum_t kPidfdRequest = 0xff00;  // requests of pidfd (linux/pidfd.h)
  const auto self = static_cast<std::uint64_t>(::getpid());
  return {{
      // Asks for the statistics of our own programs, and loads none.
      {SCMP_SYS(bpf), is(0, kInt, kernel::kRunningBpfCommand)},
      {SCMP_SYS(socket), is(0, kInt, AF_UNIX)},
      {SCMP_SYS(socketpair), is(0, kInt, AF_UNIX)},
      // No memory becomes executable.
      {SCMP_SYS(mmap), is(2, PROT_EXEC, 0)},
      {SCMP_SYS(mprotect), is(2, PROT_EXEC, 0)},
      {SCMP_SYS(ioctl), is(1, kInt, TCGETS)},  // isatty(3)
      {SCMP_SYS(ioctl), is(1, kPidfdRequest, kPidfdRequest)},
      {SCMP_SYS(tgkill), is(0, kInt, self)},
      {SCMP_SYS(prlimit64), is(2, kPointer, 0)},  // asks for a limit, and sets none
      {SCMP_SYS(prctl),
       is(0, kInt, PR_SET_NAME)},  // of the watchdog's thread, which may just begin
  }};
}

// 0, or a negative errno.
int allow_all(const Filter& filter) {
  for (const int call : kAllowed) {
    const int code = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    if (code != 0) return code;
  }
  for (const Rule& rule : limited_calls()) {
    const int code =
        ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, rule.call, 1, &rule.only);
    if (code != 0) return code;
  }
  return 0;
}

}  // namespace

// At the end a sanitizer's runtime makes a thread that traces the others and lists /proc/self/task.
bool Sandbox::is_possible() {
#ifdef HB_SANITIZED
  return false;
#else
  return true;
#endif
}

Result<> Sandbox::enter() {
  if (auto taken = take_refusals(); !taken) return taken;
  if (!has_room_for(kSeccompRoom_bytes)) return Error{"cannot make a seccomp filter", ENOMEM};
  const Filter filter(::seccomp_init(SCMP_ACT_TRAP));
  if (!filter) return Error{"cannot make a seccomp filter", ENOMEM};
  int code = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (code == 0) code = allow_all(filter);
  if (code == 0) code = ::seccomp_load(filter.get());
  return code == 0 ? ok() : Result<>(os_error(-code, "cannot install the seccomp filter"));
}

void Sandbox::tick(std::uint64_t now_ns) {
  if (now_ns < told_ns_ + kPause_ns || denied() == told_) return;
  finish();
  told_ns_ = now_ns;
}

void Sandbox::finish() {
  const std::uint64_t all = denied();
  if (all == told_) return;
  const std::unique_ptr<char, decltype(&std::free)> name(
      ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, last_denied.load()), &std::free);
  spdlog::error(
      "the sandbox has refused {} system calls of this observer, the last was {}: that is a fault "
      "of hb-ebpf (report it), or somebody has taken the observer over",
      all - told_, name ? name.get() : std::to_string(last_denied.load()));
  told_ = all;
}

void Sandbox::append_totals(Totals& totals) { append(totals, kDenied, denied()); }

std::uint64_t Sandbox::denied() { return denied_calls.load(std::memory_order_relaxed); }

}  // namespace hb::daemon
