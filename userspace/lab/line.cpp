#include "lab/line.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hb::lab {
namespace {

constexpr std::size_t kLongestMessage = 1024;

pid_t speaker_of(msghdr& message) {
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) return 0;
  ucred speaker{};
  std::memcpy(&speaker, CMSG_DATA(header), sizeof(speaker));
  return speaker.pid;
}

}  // namespace

Result<> wait_for(int fd, const Patience& patience, const std::string& what) {
  std::array<pollfd, 2> polled{{{fd, POLLIN, 0}, {patience.stop_fd, POLLIN, 0}}};
  int ready = 0;
  int code = 0;
  do {
    ready = ::poll(polled.data(), polled.size(), patience.deadline_ms);
    code = errno;
  } while (ready < 0 && code == EINTR);
  if (ready < 0) return os_error(code, "cannot wait for " + what);
  if (polled[1].revents != 0) return Error{"interrupted while waiting for " + what, EINTR};
  if (ready == 0) return Error{"timed out waiting for " + what, ETIMEDOUT};
  return ok();
}

Result<Line::Ends> Line::make() {
  std::array<int, 2> fds{};
  const int refused = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data());
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot make a pair of sockets");
  Ends ends{Line(Fd(fds[0])), Line(Fd(fds[1]))};
  const int on = 1;
  if (::setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    const int why = errno;
    return os_error(why, "cannot ask for credentials");
  }
  return ends;
}

// Sending fails only if the other process has ended; then nobody needs the message.
void Line::say(char kind, const std::string& text) const {
  const std::string message = (kind + text).substr(0, kLongestMessage);
  [[maybe_unused]] const auto said =
      ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

Result<Heard> Line::hear(const Patience& patience) const {
  if (auto spoken = wait_for(fd_.get(), patience, "a process of the scenario"); !spoken) {
    return spoken.error();
  }
  std::array<char, kLongestMessage> text{};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
  iovec vector{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  if (length <= 0) return Error{"a process of the scenario ended without a message", EPIPE};
  std::string said(text.data() + 1, static_cast<std::size_t>(length) - 1);
  if (text[0] == '-') return Error{std::move(said)};
  return Heard{std::move(said), speaker_of(message)};
}

Result<> Line::hold() const {
  while (hear()) {
  }
  return ok();
}

}  // namespace hb::lab
