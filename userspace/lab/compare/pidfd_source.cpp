#include "lab/compare/pidfd_source.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.hpp"

namespace hb::compare {
namespace {

constexpr int kPassPidfd = 76;                            // SO_PASSPIDFD, asm-generic/socket.h
constexpr int kScmPidfd = 4;                              // SCM_PIDFD, linux/socket.h
constexpr unsigned long kGetPidNamespace = _IO(0xFF, 5);  // linux/pidfd.h

struct alignas(cmsghdr) Control {
  std::array<std::byte, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))> bytes{};
};

struct Ancillary {
  std::optional<ucred> credentials;
  Fd pidfd;
};

Ancillary ancillary_of(msghdr& message) {
  Ancillary found;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&found.credentials.emplace(), CMSG_DATA(header), sizeof(ucred));
    } else if (header->cmsg_type == kScmPidfd) {
      int fd = -1;  // or an errno, negative
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      found.pidfd.reset(fd);
    }
  }
  return found;
}

Result<std::uint32_t> namespace_behind(const Fd& pidfd) {
  const Fd ns(::ioctl(pidfd.get(), kGetPidNamespace, 0));
  int code = errno;
  if (!ns)
    return os_error(code, "cannot get the PID namespace of a pidfd (PIDFD_GET_PID_NAMESPACE)");
  struct stat seen {};
  const int refused = ::fstat(ns.get(), &seen);
  code = errno;
  if (refused != 0) return os_error(code, "cannot look at a namespace");
  return static_cast<std::uint32_t>(seen.st_ino);
}

Attestation attest(const Ancillary& ancillary) {
  if (!ancillary.credentials || ancillary.credentials->pid == 0) return Unattested::Unreadable;
  const auto inode = namespace_behind(ancillary.pidfd);
  if (!inode) return Unattested::Unreadable;
  Identity sender;
  sender.tgid = static_cast<std::uint32_t>(ancillary.credentials->pid);
  sender.pid_ns_inode = inode.value();
  sender.uid = ancillary.credentials->uid;
  return sender;
}

}  // namespace

Result<std::uint32_t> PidfdSource::enable(int socket_fd) {
  const int on = 1;
  if (::setsockopt(socket_fd, SOL_SOCKET, kPassPidfd, &on, sizeof(on)) != 0) {
    const int code = errno;
    return os_error(code, "this kernel has no SO_PASSPIDFD (Linux 6.5)");
  }
  const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  auto inode = namespace_behind(self);
  if (inode) return inode;
  return Error{"this kernel has no PIDFD_GET_PID_NAMESPACE (Linux 6.11): " + inode.error().message,
               inode.error().code};
}

std::optional<Reception> PidfdSource::next(std::uint64_t now_ns) {
  FrameBytes bytes{};
  Control control;
  iovec vector{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof(control);
  const ssize_t length = ::recvmsg(socket_fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const int code = errno;
  if (length < 0 && code == EAGAIN) {
    horizon_.empty_at(now_ns);
    return std::nullopt;
  }
  if (length < 0) return ReceiveFailed{os_error(code, "cannot receive")};
  horizon_.took(1, now_ns);
  const Ancillary ancillary = ancillary_of(message);
  if (static_cast<std::size_t>(length) != bytes.size()) return Dropped{FrameDrop::WrongLength};
  return Arrival{bytes, attest(ancillary), BeatOrigin::SocketModeOnly};
}

}  // namespace hb::compare
