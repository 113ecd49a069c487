// What a listener receives of a sender that attaches control messages of its own to a datagram: its
// credentials as the kernel lets them pass, and never a descriptor.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "tests/fuzz/input.hpp"
#include "transport/unix_connection.hpp"
#include "transport/unix_listener.hpp"

namespace hb::fuzz {
namespace {

using Kind = Datagram::Kind;

class Sockets {
 public:
  Sockets() {
    auto opened = UnixListener::open();
    require(static_cast<bool>(opened), "there is a listener");
    listener_ = std::move(opened).value();
    require(static_cast<bool>(listener_->bind({path_, 0600, std::nullopt})), "and its socket");
    // As on kernels before 6.16, which queue descriptors: the others refuse them to the sender.
    const int on = 1;
    ::setsockopt(listener_->fd(), SOL_SOCKET, UnixListener::kPassRights, &on, sizeof(on));
    auto connected = connect_unix(path_, SOCK_NONBLOCK);
    require(static_cast<bool>(connected), "a sender is connected");
    sender_ = std::move(connected).value();
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  ~Sockets() {
    listener_.reset();
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] int sender() const { return sender_.get(); }

  std::vector<Datagram> receive() {
    std::vector<Datagram> batch(4);
    const auto received = listener_->receive(batch);
    require(static_cast<bool>(received), "the listener can receive");
    batch.resize(received.value());
    return batch;
  }

 private:
  static std::string make_directory() {
    std::string name = std::filesystem::temp_directory_path() / "hb-fuzz.XXXXXX";
    require(::mkdtemp(name.data()) != nullptr, "there is a directory for the socket");
    return name;
  }

  const std::string directory_ = make_directory();
  const std::string path_ = directory_ + "/hb.sock";
  std::unique_ptr<UnixListener> listener_;
  Fd sender_;
};

// Control messages for sendmsg(2), and what becomes of them (unix(7)).
class ControlMessages {
 public:
  void add_credentials(Input& input) {
    const std::array<pid_t, 4> pids = {::getpid(), ::getppid(), 1, input.take<std::uint8_t>()};
    const auto choice = input.take<std::uint8_t>();
    const bool own_ids = choice >= 128;
    const ucred shown{pids[choice % pids.size()], own_ids ? ::getuid() : input.take<uid_t>(),
                      own_ids ? ::getgid() : input.take<gid_t>()};
    add(SOL_SOCKET, SCM_CREDENTIALS, &shown, sizeof(shown));
    credentials_ = {static_cast<std::uint32_t>(shown.pid), shown.uid, shown.gid};
  }

  void add_descriptors(std::size_t count) {
    const std::vector<int> passed(count, STDERR_FILENO);
    add(SOL_SOCKET, SCM_RIGHTS, passed.data(), count * sizeof(int));
    if (count > 0) has_descriptors_ = true;
  }

  // The kernel looks at those of SOL_SOCKET alone.
  void add_other(int type, std::span<const std::uint8_t> bytes) {
    add(SOL_SOCKET + 1, type, bytes.data(), bytes.size());
  }

  [[nodiscard]] const Credentials& credentials() const { return credentials_; }
  [[nodiscard]] bool has_descriptors() const { return has_descriptors_; }

  void attach_to(msghdr& message) {
    message.msg_control = used_ > 0 ? room_.data() : nullptr;
    message.msg_controllen = used_;
  }

 private:
  void add(int level, int type, const void* data, std::size_t size) {
    require(used_ + CMSG_SPACE(size) <= room_.size(), "there is room for another control message");
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(size);
    header.cmsg_level = level;
    header.cmsg_type = type;
    std::memcpy(&room_[used_], &header, sizeof(header));
    if (size > 0) std::memcpy(&room_[used_ + CMSG_LEN(0)], data, size);
    used_ += CMSG_SPACE(size);
  }

  alignas(cmsghdr) std::array<std::byte, 4096> room_{};
  std::size_t used_ = 0;
  Credentials credentials_{static_cast<std::uint32_t>(::getpid()), ::getuid(), ::getgid()};
  bool has_descriptors_ = false;
};

ControlMessages control_messages(Input& input) {
  ControlMessages messages;
  for (int count = input.take<std::uint8_t>() % 5; count > 0; --count) {
    switch (input.take<std::uint8_t>() % 3) {
      case 0: messages.add_credentials(input); break;
      case 1: messages.add_descriptors(input.take<std::uint8_t>() % 8); break;
      case 2: {
        const auto type = input.take<std::uint8_t>();
        messages.add_other(type, input.take_bytes(input.take<std::uint8_t>()));
      }
    }
  }
  return messages;
}

int next_descriptor() {
  const Fd next(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  return next.get();
}

Kind kind_of(std::size_t length, const ControlMessages& messages) {
  if (messages.has_descriptors()) return Kind::CtrlTruncated;
  return length == HB_FRAME_BYTES ? Kind::Frame : Kind::WrongLength;
}

void check(Input input) {
  static Sockets sockets;
  auto messages = control_messages(input);
  auto payload = input.take<std::array<std::uint8_t, 64>>();
  const std::size_t length = input.take<std::uint8_t>() % (payload.size() + 1);
  iovec bytes{payload.data(), length};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  messages.attach_to(message);

  const int descriptor = next_descriptor();
  const bool sent = ::sendmsg(sockets.sender(), &message, MSG_NOSIGNAL) >= 0;
  const auto received = sockets.receive();
  require(next_descriptor() == descriptor, "no descriptor is ever opened here");
  require(received.size() == (sent ? 1 : 0), "what is sent is received, once");
  if (!sent) return;
  require(received[0].kind == kind_of(length, messages), "it is what was sent");
  require(received[0].credentials == messages.credentials(), "with these credentials");
  if (received[0].kind != Kind::Frame) return;
  require(std::equal(received[0].bytes.begin(), received[0].bytes.end(), payload.begin()),
          "and these bytes");
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
