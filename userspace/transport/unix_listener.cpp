#include "transport/unix_listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/fsuid.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "base/uninterrupted.hpp"

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

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

Error refused(const std::string& why) { return Error{"the kept socket is refused: " + why}; }

Error passed_is_refused(const std::string& why) {
  return Error{"the socket that the service manager has passed is refused: " + why};
}

bool is_datagram_socket(const Fd& socket) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && domain == AF_UNIX &&
         type == SOCK_DGRAM;
}

// Empty: it is bound to none, or to an abstract address.
std::string bound_path(const Fd& socket) {
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const std::size_t before_path = offsetof(sockaddr_un, sun_path);
  if (length <= before_path) return {};
  return {address.sun_path, ::strnlen(address.sun_path, length - before_path)};
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

Result<std::unique_ptr<UnixListener>> UnixListener::open(Rights rights) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix datagram socket");
  return with_options(std::move(socket), rights);
}

Result<std::unique_ptr<UnixListener>> UnixListener::open_passed(Fd socket) {
  if (!is_datagram_socket(socket)) {
    return passed_is_refused("it is no Unix datagram socket (ListenDatagram=)");
  }
  auto listener = with_options(std::move(socket), Rights::Refuse);
  if (listener) listener.value()->is_passed_ = true;
  return listener;
}

Result<std::unique_ptr<UnixListener>> UnixListener::with_options(Fd socket, Rights rights) {
  if (const int refused = set(socket, SO_PASSCRED, 1); refused != 0) {
    return os_error(refused, "cannot ask for credentials (SO_PASSCRED)");
  }
  if (rights == Rights::Pass)
    return std::unique_ptr<UnixListener>(new UnixListener(std::move(socket)));
  if (const int refused = set(socket, kPassRights, 0); refused != 0 && refused != ENOPROTOOPT) {
    return os_error(refused, "cannot refuse descriptors (SO_PASSRIGHTS)");
  }
  return std::unique_ptr<UnixListener>(new UnixListener(std::move(socket)));
}

Result<UnixListener::Kept> UnixListener::keep() const {
  Kept kept{.socket = Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0)),
            .lock = Fd(claim_ ? ::fcntl(claim_->fd(), F_DUPFD_CLOEXEC, 0) : -1),
            .device = file_.device,
            .inode = file_.inode};
  const int code = errno;
  const bool has_place = is_passed_ || (file_.exists && kept.lock);
  if (has_place && kept.socket) return kept;
  return os_error(code, "keeping the socket " + place_.path);
}

Result<std::unique_ptr<UnixListener>> UnixListener::adopt(Kept kept, const SocketPlace& place) {
  if (!is_datagram_socket(kept.socket)) return refused("it is none");
  std::unique_ptr<UnixListener> listener(new UnixListener(std::move(kept.socket)));
  listener->place_ = place;
  listener->file_ = {.exists = false, .device = kept.device, .inode = kept.inode};
  if (auto at_place = listener->check_place(); !at_place) return refused(at_place.error().message);
  listener->leave_at_end();
  if (!kept.lock) {
    listener->is_passed_ = true;
    return listener;
  }
  auto directory = SocketDirectory::open(place.path, place.run_as_uid);
  if (!directory) return directory.error();
  listener->directory_ = std::make_unique<SocketDirectory>(std::move(directory).value());
  auto claim = PathClaim::adopt(*listener->directory_, std::move(kept.lock));
  if (!claim) return refused("its path is not claimed any more");
  listener->claim_.emplace(std::move(*claim));
  listener->file_.exists = true;
  return listener;
}

// The socket's file, with the mode and group that it shall have.
Result<> UnixListener::check_place() const {
  struct stat seen {};
  if (::lstat(place_.path.c_str(), &seen) != 0 || !S_ISSOCK(seen.st_mode) || !is_ours(seen)) {
    return Error{place_.path + " does not lead to it"};
  }
  if ((seen.st_mode & 0777) != place_.mode) {
    return Error{"its file has the mode " + octal(seen.st_mode & 0777) + ", and --socket-mode is " +
                 octal(place_.mode)};
  }
  if (place_.group && seen.st_gid != *place_.group) {
    return Error{"its file has the group " + std::to_string(seen.st_gid) +
                 ", and --socket-group is " + std::to_string(*place_.group)};
  }
  return ok();
}

void UnixListener::give_up(Kept kept, const std::string& path) {
  if (!kept.lock) return;
  ::flock(kept.lock.get(), LOCK_UN);
  const auto directory = SocketDirectory::open(path);
  if (!directory) return;
  const int fd = directory.value().fd();
  const char* name = directory.value().name().c_str();
  struct stat seen {};
  const bool is_its = ::fstatat(fd, name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
                      S_ISSOCK(seen.st_mode) && seen.st_dev == kept.device &&
                      seen.st_ino == kept.inode;
  if (is_its) ::unlinkat(fd, name, 0);
}

void UnixListener::leave() {
  file_.exists = false;
  if (claim_) claim_->leave();
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
  if (is_left_) leave();
  // A caller that needs the Error calls withdraw() itself.
  [[maybe_unused]] const auto done = withdraw();
}

// Whether the path leads to this socket, and not to another one that was bound there later, only an
// echo shows: the socket's own inode is not the file's.
Result<> UnixListener::find_passed() {
  const std::string path = bound_path(socket_);
  if (path != place_.path) {
    return passed_is_refused("it is bound to '" + path + "', and --socket is " + place_.path);
  }
  struct stat seen {};
  const int failed = ::lstat(path.c_str(), &seen);
  const int code = errno;
  if (failed != 0) return os_error(code, "cannot find the socket that was passed, " + path);
  file_ = {.exists = false, .device = seen.st_dev, .inode = seen.st_ino};
  auto at_place = check_place();
  return at_place ? at_place : Result<>(passed_is_refused(at_place.error().message));
}

Result<> UnixListener::bind(const SocketPlace& place) {
  place_ = place;
  if (is_passed_) return find_passed();
  auto bound = claim_name();
  if (bound) bound = make_file_at_place(socket_);
  if (!bound) claim_.reset();
  return bound;
}

Result<> UnixListener::claim_name() {
  if (is_passed_) {
    return Error{
        "it was made by the service manager, which has to make it again: restart the "
        "socket unit and this service"};
  }
  if (!claim_ || !directory_->is_named() || !claim_->is_in_force()) {
    if (auto claimed = claim_anew(); !claimed) return claimed;
  }
  return clear_name(*directory_);
}

Result<> UnixListener::claim_anew() {
  auto opened = SocketDirectory::open(place_.path, place_.run_as_uid);
  if (!opened) return opened.error();
  auto directory = std::make_unique<SocketDirectory>(std::move(opened).value());
  auto claim = PathClaim::take(*directory);
  if (!claim) return claim.error();
  claim_.reset();
  directory_ = std::move(directory);
  claim_.emplace(std::move(claim).value());
  return ok();
}

Result<> UnixListener::make_file_at_place(const Fd& socket) {
  return place_.group ? make_file_of_group(socket, *place_.group) : make_file(socket, place_.mode);
}

// If possible, the file is created with the group (setfsgid(2)). Otherwise it is created without
// the group's mode bits, then chowned, then chmodded. As root that is not done in another user's
// directory, since that user could replace the file in between.
Result<> UnixListener::make_file_of_group(const Fd& socket, gid_t group) {
  struct stat directory {};
  const int refused = ::fstat(directory_->fd(), &directory);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot look at the directory of " + place_.path);
  {
    const FileGroup file_group(group);
    if (file_group.is_in_force() && !has_setgid_bit(directory)) {
      return make_file(socket, place_.mode);
    }
  }
  if (::geteuid() == 0 && is_not_ours(directory)) {
    const std::string owner =
        "the directory of " + place_.path + " belongs to user " + std::to_string(directory.st_uid);
    if (has_setgid_bit(directory))
      return Error{owner + " and has the setgid bit: chmod g-s it", EPERM};
    return Error{owner + ", and a file of group " + std::to_string(group) + " cannot be made there",
                 EPERM};
  }
  if (auto made = make_file(socket, place_.mode & ~mode_t{S_IRWXG}); !made) return made;
  return give_to(group);
}

// bind(2) applies the umask to the file's mode (unix_bind in net/unix/af_unix.c), so no chmod is
// needed after it.
Result<> UnixListener::make_file(const Fd& socket, mode_t mode) {
  const Umask mask(static_cast<mode_t>(~mode & 0777));
  const int code = directory_->with_address([&](const sockaddr_un& address) {
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  });
  return code == 0 ? remember() : Result<>(os_error(code, "cannot bind " + place_.path));
}

Result<> UnixListener::remember() {
  struct stat made {};
  if (::fstatat(directory_->fd(), directory_->name().c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return os_error(code, "cannot look at the socket just made, " + place_.path);
  }
  file_ = {.exists = true, .device = made.st_dev, .inode = made.st_ino};
  return ok();
}

// Neither call follows a symbolic link that the owner of the directory may have put there.
Result<> UnixListener::give_to(gid_t group) {
  const int directory = directory_->fd();
  const char* name = directory_->name().c_str();
  if (::fchownat(directory, name, static_cast<uid_t>(-1), group, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return os_error(code, "cannot give " + place_.path + " to group " + std::to_string(group) +
                              " (be a member of it, or root)");
  }
  if (::fchmodat(directory, name, place_.mode, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return os_error(code, "cannot set the mode of " + place_.path);
  }
  return ok();
}

Result<> UnixListener::check_name() const {
  struct stat seen {};
  const int refused = ::lstat(place_.path.c_str(), &seen);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot find the socket " + place_.path);
  if ((file_.exists || is_passed_) && is_ours(seen)) return ok();
  return Error{place_.path + " is another file than the socket that was bound there", ESTALE};
}

Result<> UnixListener::rebind(UnixListener& fresh) {
  const File before = file_;
  auto rebound = make_file_at_place(fresh.socket_);
  if (rebound) rebound = put_in_place(fresh);
  if (!rebound) {
    [[maybe_unused]] const auto removed = withdraw();  // what has just been made
    file_ = before;
  }
  return rebound;
}

Result<> UnixListener::put_in_place(UnixListener& fresh) {
  Fd former(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  int code = errno;
  if (!former) return os_error(code, "cannot keep the former socket");
  const int refused = ::dup3(fresh.socket_.get(), socket_.get(), O_CLOEXEC);
  code = errno;
  if (refused < 0) return os_error(code, "cannot put a new socket in the place of the former");
  former_ = std::move(former);
  former_received_ = 0;
  return ok();
}

Result<std::size_t> UnixListener::receive(std::span<Datagram> batch) {
  const std::size_t room = std::min(batch.size(), kMaxBatch);
  arm(batch.first(room));
  if (!former_) return receive_from(socket_, batch.first(room), 0);
  return receive_from_both(batch.first(room));
}

// Each in its turn is the first, so a flood of one does not hide the other. A count below the
// batch's size means that both were empty.
Result<std::size_t> UnixListener::receive_from_both(std::span<Datagram> batch) {
  former_first_ = !former_first_;
  const auto first = receive_from(former_first_ ? former_ : socket_, batch, 0);
  if (!first) return first;
  std::size_t second = 0;
  if (first.value() < batch.size()) {
    const auto more = receive_from(former_first_ ? socket_ : former_, batch, first.value());
    if (!more && first.value() == 0) return more;
    second = more ? more.value() : 0;
  }
  former_received_ += former_first_ ? first.value() : second;
  return first.value() + second;
}

// Fills `batch` from the index `from` on.
Result<std::size_t> UnixListener::receive_from(const Fd& socket, std::span<Datagram> batch,
                                               std::size_t from) {
  for (;;) {
    const int got = ::recvmmsg(socket.get(), headers_.data() + from,
                               static_cast<unsigned>(batch.size() - from), MSG_DONTWAIT, nullptr);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0 && code == EAGAIN) return std::size_t{0};
    if (got < 0) return os_error(code, "cannot receive from " + place_.path);
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = from; i < from + count; ++i) describe(headers_[i], batch[i]);
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
  if (is_passed_ && !is_left_) detach();
  if (!std::exchange(file_.exists, false)) return ok();
  const int directory = directory_->fd();
  const char* name = directory_->name().c_str();
  struct stat seen {};
  int code =
      uninterrupted([&] { return ::fstatat(directory, name, &seen, AT_SYMLINK_NOFOLLOW); }) == 0
          ? 0
          : errno;
  if (code == 0) {
    if (!is_ours(seen)) return ok();
    code = uninterrupted([&] { return ::unlinkat(directory, name, 0); }) == 0 ? 0 : errno;
  }
  if (code == 0 || code == ENOENT) return ok();
  return os_error(code, "cannot remove the socket " + place_.path);
}

// What is sent from now on waits in the socket, and not in the ring of a program that nobody reads.
// ENOENT: there is none, as with procfs attestation.
void UnixListener::detach() { [[maybe_unused]] const int code = set(socket_, SO_DETACH_FILTER, 0); }

bool UnixListener::is_ours(const struct stat& file) const {
  return file.st_dev == file_.device && file.st_ino == file_.inode;
}

}  // namespace hb
