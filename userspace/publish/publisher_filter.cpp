#include "publish/publisher_filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

#include "base/address_space.hpp"

namespace hb {
namespace {

constexpr std::array kRefused = {
    // programs and other processes
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(kill), SCMP_SYS(tkill),
    SCMP_SYS(pidfd_send_signal), SCMP_SYS(pidfd_getfd), SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(kcmp), SCMP_SYS(setpriority), SCMP_SYS(sched_setscheduler),
    SCMP_SYS(sched_setattr),
    // the network, but for connections that come; listen(2) does nothing without bind(2)
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
    // files
    SCMP_SYS(creat), SCMP_SYS(openat2), SCMP_SYS(open_by_handle_at), SCMP_SYS(truncate),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(link),
    SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(lchown), SCMP_SYS(fchown),
    SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr),
    SCMP_SYS(removexattr), SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr),
    // namespaces and mounts
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
    SCMP_SYS(setns), SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
    // the kernel: its programs, its modules, and what has had most of its holes
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(syslog), SCMP_SYS(acct),
    SCMP_SYS(quotactl), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime)};

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

constexpr std::uint32_t kEperm = SCMP_ACT_ERRNO(EPERM);

// Refuses the call where the flags in this argument have all those of `flags`.
int refuse_flags(const Filter& filter, int call, unsigned argument, std::uint64_t flags) {
  const scmp_arg_cmp has{argument, SCMP_CMP_MASKED_EQ, flags, flags};
  return ::seccomp_rule_add_array(filter.get(), kEperm, call, 1, &has);
}

int refuse_writing(const Filter& filter) {
  for (const int flags : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC}) {
    const auto bits = static_cast<std::uint64_t>(flags);
    if (const int code = refuse_flags(filter, SCMP_SYS(open), 1, bits); code != 0) return code;
    if (const int code = refuse_flags(filter, SCMP_SYS(openat), 2, bits); code != 0) return code;
  }
  return 0;
}

// fork(3) goes on. A filter does not see the flags of clone3(2); glibc takes clone(2) where it is
// not there.
int refuse_namespaces(const Filter& filter) {
  for (const int flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                         CLONE_NEWPID, CLONE_NEWNET}) {
    const auto bits = static_cast<std::uint64_t>(flag);
    if (const int code = refuse_flags(filter, SCMP_SYS(clone), 0, bits); code != 0) return code;
  }
  return ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

// abort(3) signals its own thread.
int refuse_signals_to_others(const Filter& filter) {
  const scmp_arg_cmp other{0, SCMP_CMP_NE, static_cast<std::uint64_t>(::getpid()), 0};
  return ::seccomp_rule_add_array(filter.get(), kEperm, SCMP_SYS(tgkill), 1, &other);
}

// 0, or a negative errno.
int refuse_all(const Filter& filter) {
  for (const int call : kRefused) {
    const int code = ::seccomp_rule_add(filter.get(), kEperm, call, 0);
    if (code != 0) return code;
  }
  for (const auto refuse : {refuse_writing, refuse_namespaces, refuse_signals_to_others}) {
    if (const int code = refuse(filter); code != 0) return code;
  }
  return 0;
}

}  // namespace

Result<> refuse_what_a_publisher_needs_not() {
  const bool has_room = has_room_for(kSeccompRoom_bytes);
  const Filter filter(has_room ? ::seccomp_init(SCMP_ACT_ALLOW) : nullptr);
  if (!filter) return Error{"cannot make a seccomp filter of the publisher process", ENOMEM};
  int code = refuse_all(filter);
  if (code == 0) code = ::seccomp_load(filter.get());
  if (code == 0) return ok();
  return os_error(
      -code,
      "cannot install the seccomp filter of the publisher process (--no-sandbox does without)");
}

}  // namespace hb
