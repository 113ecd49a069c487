#include "keep/notify_listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "transport/unix_address.hpp"

namespace hb::keep {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096;  // systemd's bound

std::vector<std::string> candidates() {
  std::vector<std::string> found;
  if (const char* own = std::getenv("RUNTIME_DIRECTORY")) {
    const std::string list = own;
    found.push_back(list.substr(0, list.find(':')));  // there may be several
  }
  found.emplace_back("/run");
  if (const char* users = std::getenv("XDG_RUNTIME_DIR")) found.emplace_back(users);
  found.emplace_back("/tmp");
  return found;
}

// mkdtemp(3) makes it with mode 0700.
Result<std::string> make_directory() {
  int code = 0;
  for (const std::string& where : candidates()) {
    std::string name = where + "/hb-ebpf-keep-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) return name;
    code = errno;
  }
  return os_error(code, "cannot make a directory for NOTIFY_SOCKET");
}

Result<Fd> bind_at(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a socket");
  const int on = 1;
  code = ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "cannot learn who sends (SO_PASSCRED)");
  const auto* at = reinterpret_cast<const sockaddr*>(&address.value());
  code = ::bind(socket.get(), at, sizeof(sockaddr_un)) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "cannot bind " + path);
  return socket;
}

void take_descriptors(const cmsghdr& part, const unsigned char* data, ReceivedDescriptors& into) {
  const std::size_t count = (part.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, data + i * sizeof(int), sizeof(fd));
    Fd owned(fd);
    if (i < into.size()) into[i] = std::move(owned);
  }
}

void take(msghdr& header, NotifyListener::Message& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_RIGHTS) {
      take_descriptors(*part, CMSG_DATA(part), message.descriptors);
    }
    if (part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(part), sizeof(sender));
    message.sender = sender.pid;
  }
}

}  // namespace

Result<NotifyListener> NotifyListener::make() {
  auto directory = make_directory();
  if (!directory) return directory.error();
  NotifyListener made(std::move(directory).value());
  auto bound = bind_at(made.path());
  if (!bound) return bound.error();
  made.socket_ = std::move(bound).value();
  return made;
}

NotifyListener::NotifyListener(NotifyListener&& other) noexcept
    : directory_(std::exchange(other.directory_, {})), socket_(std::move(other.socket_)) {}

NotifyListener::~NotifyListener() {
  if (directory_.empty()) return;
  ::unlink(path().c_str());
  ::rmdir(directory_.c_str());
}

std::optional<NotifyListener::Message> NotifyListener::next() {
  std::array<char, kMaxMessageBytes> text;
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(kMostDescriptors * sizeof(int))>
          room;
  iovec data{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = room.data();
  header.msg_controllen = room.size();
  const ssize_t bytes = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  if (bytes < 0) return std::nullopt;
  Message message;
  take(header, message);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    message.descriptors = {};
    return message;
  }
  message.text.assign(text.data(), static_cast<std::size_t>(bytes));
  return message;
}

}  // namespace hb::keep
