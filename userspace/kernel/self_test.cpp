#include "kernel/self_test.hpp"

#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/units.hpp"
#include "kernel/stamp_program.hpp"

namespace hb::kernel {
namespace {

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Result<std::optional<Credentials>> credentials_of(msghdr& message) {
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) {
    return Error{"self-test: the frame arrived without credentials"};
  }
  ucred attached{};
  std::memcpy(&attached, CMSG_DATA(header), sizeof(attached));
  return std::optional(
      Credentials{static_cast<std::uint32_t>(attached.pid), attached.uid, attached.gid});
}

Result<> about_this_process(const hb_stamp& stamp, const FrameBytes& frame) {
  if (std::memcmp(stamp.frame, frame.data(), frame.size()) != 0) {
    return Error{"self-test: the bytes in the stamp differ from those sent"};
  }
  if (stamp.own_tgid != static_cast<std::uint32_t>(::getpid())) {
    return Error{"self-test: the stamp names process " + std::to_string(stamp.own_tgid) +
                 ", but process " + std::to_string(::getpid()) + " sent the frame"};
  }
  if ((stamp.flags & HB_STAMP_KERNEL_THREAD) != 0) {
    return Error{"self-test: the stamp says that this process is a kernel thread"};
  }
  return ok();
}

}  // namespace

Result<SelfTest> SelfTest::begin(StampProgram& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    const int code = errno;
    return os_error(code, "self-test: making a socket pair");
  }
  Fd sender(ends[0]);
  Fd receiver(ends[1]);
  const int on = 1;
  if (::setsockopt(receiver.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    const int code = errno;
    return os_error(code, "self-test: asking for credentials (SO_PASSCRED)");
  }
  if (Result<> attached = program.attach(receiver.get()); !attached) return attached.error();
  return SelfTest(program, std::move(sender), std::move(receiver));
}

Result<SelfTest::Echo> SelfTest::echo() {
  FrameBytes frame{};
  const ssize_t drawn = ::getrandom(frame.data(), frame.size(), 0);  // up to 256: all or none
  const int code = errno;
  if (drawn < 0) return os_error(code, "self-test: reading random bytes");
  if (Result<> sent = send(frame); !sent) return sent.error();
  const auto credentials = receive(frame);
  if (!credentials) return credentials.error();
  Echo echo{{}, credentials.value(), 0};
  if (Result<> read = read_ring(echo); !read) return read.error();
  if (Result<> right = about_this_process(echo.stamp, frame); !right) return right.error();
  if (Result<> same = same_clock(echo.stamp); !same) return same.error();
  return echo;
}

Result<> SelfTest::send(const FrameBytes& frame) {
  before_ns_ = monotonic_ns();
  const ssize_t sent = ::send(sender_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  const int code = errno;
  after_ns_ = monotonic_ns();
  return sent < 0 ? os_error(code, "self-test: sending a frame") : ok();
}

// A time namespace adds an offset to the clocks of its processes (time_namespaces(7)); the kernel
// program's has none, so every age would be wrong. bpf_ktime_get_ns() is ktime_get_mono_fast_ns(),
// which may differ from the exact clock by microseconds.
Result<> SelfTest::same_clock(const hb_stamp& stamp) const {
  constexpr std::uint64_t kSlack_ns = 10 * kNsPerMs;
  if (stamp.ktime_ns + kSlack_ns >= before_ns_ && stamp.ktime_ns <= after_ns_ + kSlack_ns) {
    return ok();
  }
  return Error{
      "self-test: CLOCK_MONOTONIC is not the kernel's here, as in a time namespace with an offset: "
      "run the observer outside of it (unshare -T, or \"timeOffsets\" of the container)"};
}

Result<std::optional<Credentials>> SelfTest::receive(const FrameBytes& frame) {
  FrameBytes bytes{};
  iovec data{bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);

  program_->begin_receiving();
  const ssize_t length = ::recvmsg(receiver_.get(), &message, MSG_CMSG_CLOEXEC);
  const int error = errno;
  program_->end_receiving();

  const bool by_ring = program_->delivery() == Delivery::Ring;
  if (length < 0 && error == EAGAIN && by_ring) return std::optional<Credentials>();
  if (length >= 0 && by_ring)
    return Error{"self-test: a datagram was queued although delivery is by ring"};
  if (length < 0 && error == EAGAIN) {
    return Error{"self-test: the kernel program dropped a correct frame"};
  }
  if (length < 0) return os_error(error, "self-test: receiving a frame");
  if (static_cast<std::size_t>(length) != frame.size() || bytes != frame) {
    return Error{"self-test: the received bytes differ from those sent"};
  }
  return credentials_of(message);
}

Result<> SelfTest::drops_descriptors() {
  FrameBytes frame{};
  iovec data{frame.data(), frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int passed = sender_.get();
  std::memcpy(CMSG_DATA(header), &passed, sizeof(passed));
  const ssize_t sent = ::sendmsg(sender_.get(), &message, MSG_NOSIGNAL);
  const int refused = errno;
  if (sent < 0) return os_error(refused, "self-test: sending a descriptor");

  const ssize_t received = ::recv(receiver_.get(), frame.data(), frame.size(), 0);
  const int code = errno;
  program_->ring().drain([](std::span<const std::byte> /*stamp*/) {});
  if (received < 0 && code == EAGAIN) return ok();
  if (received < 0) return os_error(code, "self-test: receiving a datagram with a descriptor");
  return Error{"self-test: the kernel program did not drop a datagram with a descriptor"};
}

Result<> SelfTest::read_ring(Echo& echo) {
  int stamps = 0;
  int others = 0;
  program_->ring().drain([&](std::span<const std::byte> record) {
    if (const auto stamp = record_as<hb_stamp>(record)) {
      echo.stamp = *stamp;
      stamps++;
    } else if (const auto receipt = record_as<hb_receipt>(record)) {
      echo.skb = receipt->skb;
    } else {
      others++;
    }
  });
  if (stamps != 1) return Error{"self-test: " + std::to_string(stamps) + " stamps for one frame"};
  if (others != 0 || echo.stamp.version != HB_STAMP_VERSION) {
    return Error{"self-test: unexpected record size or stamp version in the ring"};
  }
  return ok();
}

}  // namespace hb::kernel
