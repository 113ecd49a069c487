#include "transport/unix_listener.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/uninterrupted.hpp"
#include "transport/unix_address.hpp"

namespace hb {
namespace {

class Umask {
 public:
  explicit Umask(mode_t mask) : previous_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(previous_); }

 private:
  mode_t previous_;
};

// Files that are created while it exists get the group, if permitted. setfsgid(2) cannot report an
// error; with the invalid id -1 it returns the current one.
class FileGroup {
 public:
  explicit FileGroup(gid_t group)
      : previous_(static_cast<gid_t>(::setfsgid(group))), is_in_force_(present() == group) {}
  FileGroup(const FileGroup&) = delete;
  FileGroup& operator=(const FileGroup&) = delete;
  ~FileGroup() { ::setfsgid(previous_); }

  [[nodiscard]] bool is_in_force() const { return is_in_force_; }

 private:
  static gid_t present() { return static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))); }

  gid_t previous_;
  bool is_in_force_;
};

// New files in a directory with the setgid bit get the group of the directory.
bool has_setgid_bit(const struct stat& directory) { return (directory.st_mode & S_ISGID) != 0; }

bool is_not_ours(const struct stat& directory) { return directory.st_uid != ::geteuid(); }

std::optional<Credentials> credentials_in(msghdr& header) {
  const cmsghdr* message = CMSG_FIRSTHDR(&header);
  if (message == nullptr || message->cmsg_len > header.msg_controllen ||
      message->cmsg_level != SOL_SOCKET || message->cmsg_type != SCM_CREDENTIALS ||
      message->cmsg_len != CMSG_LEN(sizeof(ucred))) {
    return std::nullopt;
  }
  ucred seen{};
  std::memcpy(&seen, CMSG_DATA(message), sizeof(seen));
  return Credentials{static_cast<std::uint32_t>(seen.pid), seen.uid, seen.gid};
}

// 0, or errno.
int set(const Fd& socket, int option, int value) {
  return ::setsockopt(socket.get(), SOL_SOCKET, option, &value, sizeof(value)) == 0 ? 0 : errno;
}

}  // namespace

void describe(mmsghdr& received, Datagram& datagram) {
  msghdr& header = received.msg_hdr;
  const auto credentials = credentials_in(header);
  datagram.credentials = credentials.value_or(Credentials{});
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    datagram.kind = Datagram::Kind::CtrlTruncated;
  } else if ((header.msg_flags & MSG_TRUNC) != 0 || received.msg_len != HB_FRAME_BYTES) {
    datagram.kind = Datagram::Kind::WrongLength;
  } else {
    datagram.kind = credentials ? Datagram::Kind::Frame : Datagram::Kind::NoCredentials;
  }
}

Result<std::unique_ptr<UnixListener>> UnixListener::open() {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix datagram socket");
  if (const int refused = set(socket, SO_PASSCRED, 1); refused != 0) {
    return os_error(refused, "cannot ask for credentials (SO_PASSCRED)");
  }
  if (const int refused = set(socket, kPassRights, 0); refused != 0 && refused != ENOPROTOOPT) {
    return os_error(refused, "cannot refuse descriptors (SO_PASSRIGHTS)");
  }
  return std::unique_ptr<UnixListener>(new UnixListener(std::move(socket)));
}

UnixListener::UnixListener(Fd socket) : socket_(std::move(socket)) {
  for (std::size_t i = 0; i < kMaxBatch; ++i) {
    vectors_[i].iov_len = HB_FRAME_BYTES;
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_control = &controls_[i];
  }
}

UnixListener::~UnixListener() {
  // A caller that needs the Error calls withdraw() itself.
  [[maybe_unused]] const auto done = withdraw();
}

Result<> UnixListener::bind(const SocketPlace& place) {
  auto claim = PathClaim::take(place.path, place.run_as_uid);
  if (!claim) return claim.error();
  claim_.emplace(std::move(claim).value());
  return place.group ? make_file_of_group(*place.group, place) : make_file(place, place.mode);
}

// If possible, the file is created with the group (setfsgid(2)). Otherwise it is created without
// the group's mode bits, then chowned, then chmodded. As root that is not done in another user's
// directory, since that user could replace the file in between.
Result<> UnixListener::make_file_of_group(gid_t group, const SocketPlace& place) {
  struct stat directory {};
  const int refused = ::stat(directory_of(place.path).c_str(), &directory);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot look at the directory of " + place.path);
  {
    const FileGroup file_group(group);
    if (file_group.is_in_force() && !has_setgid_bit(directory)) {
      return make_file(place, place.mode);
    }
  }
  if (::geteuid() == 0 && is_not_ours(directory)) {
    return Error{"the directory of " + place.path + " belongs to user " +
                     std::to_string(directory.st_uid) + " and has the setgid bit: chmod g-s it",
                 EPERM};
  }
  if (auto made = make_file(place, place.mode & ~mode_t{S_IRWXG}); !made) return made;
  return give_to(group, place);
}

// bind(2) applies the umask to the file's mode (unix_bind in net/unix/af_unix.c), so no chmod is
// needed after it.
Result<> UnixListener::make_file(const SocketPlace& place, mode_t mode) {
  const auto address = unix_address(place.path);
  if (!address) return address.error();
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const Umask mask(static_cast<mode_t>(~mode & 0777));
  if (::bind(socket_.get(), where, sizeof(sockaddr_un)) != 0) {
    const int code = errno;
    return os_error(code, "cannot bind " + place.path);
  }
  return remember(place.path);
}

Result<> UnixListener::remember(const std::string& path) {
  struct stat made {};
  if (::lstat(path.c_str(), &made) != 0) {
    const int code = errno;
    return os_error(code, "cannot look at the socket just made, " + path);
  }
  path_ = path;
  device_ = made.st_dev;
  inode_ = made.st_ino;
  return ok();
}

// Neither call follows a symbolic link that the owner of the directory may have put there.
Result<> UnixListener::give_to(gid_t group, const SocketPlace& place) {
  const char* path = place.path.c_str();
  if (::fchownat(AT_FDCWD, path, static_cast<uid_t>(-1), group, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return os_error(code, "cannot give " + place.path + " to group " + std::to_string(group) +
                              " (be a member of it, or root)");
  }
  if (::fchmodat(AT_FDCWD, path, place.mode, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return os_error(code, "cannot set the mode of " + place.path);
  }
  return ok();
}

Result<std::size_t> UnixListener::receive(std::span<Datagram> batch) {
  const std::size_t room = std::min(batch.size(), kMaxBatch);
  arm(batch.first(room));
  for (;;) {
    const int got = ::recvmmsg(socket_.get(), headers_.data(), static_cast<unsigned>(room),
                               MSG_DONTWAIT, nullptr);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0 && code == EAGAIN) return std::size_t{0};
    if (got < 0) return os_error(code, "cannot receive from " + path_);
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) describe(headers_[i], batch[i]);
    return count;
  }
}

// The kernel writes directly into the caller's datagrams. Resets what recvmmsg(2) changes.
void UnixListener::arm(std::span<Datagram> batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    vectors_[i].iov_base = batch[i].bytes.data();
    headers_[i].msg_hdr.msg_controllen = sizeof(Control);
    headers_[i].msg_hdr.msg_flags = 0;
  }
}

Result<> UnixListener::withdraw() {
  if (path_.empty()) return ok();
  const std::string path = std::exchange(path_, {});
  struct stat seen {};
  int code = uninterrupted([&] { return ::lstat(path.c_str(), &seen); }) == 0 ? 0 : errno;
  if (code == 0) {
    if (seen.st_dev != device_ || seen.st_ino != inode_) return ok();
    code = uninterrupted([&] { return ::unlink(path.c_str()); }) == 0 ? 0 : errno;
  }
  if (code == 0 || code == ENOENT) return ok();
  return os_error(code, "cannot remove the socket " + path);
}

}  // namespace hb
