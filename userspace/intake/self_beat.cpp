#include "intake/self_beat.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "stamp.h"
#include "transport/unix_address.hpp"

namespace hb::intake {
namespace {

FrameBytes self_beat() {
  const std::uint64_t magic = HB_SELF_BEAT_MAGIC;
  FrameBytes bytes{};
  std::memcpy(bytes.data(), &magic, sizeof(magic));
  return bytes;
}

// 0, or errno.
int send_to(const Fd& sender, const FrameBytes& frame, const sockaddr_un& address) {
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  const ssize_t sent = ::sendto(sender.get(), frame.data(), frame.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL, to, sizeof(address));
  return sent < 0 ? errno : 0;
}

// Whether sendto(2) failed for a reason of ours, which says nothing about the path.
bool is_about_us(int code) {
  return code == EACCES || code == EPERM || code == ENOMEM || code == ENOBUFS;
}

}  // namespace

int send_once(const std::string& path, const FrameBytes& frame) {
  const auto address = unix_address(path);
  if (!address) return ENAMETOOLONG;
  const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!sender) return errno;
  return send_to(sender, frame, address.value());
}

Result<SelfBeat> SelfBeat::open(const kernel::StampProgram* program, const UnixListener& listener,
                                const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!sender) return os_error(code, "cannot make a socket to check that agents can send");
  SelfBeat made(program, listener, std::move(sender));
  made.address_ = address.value();
  return made;
}

// The path is looked at first, so that nobody who turns it gets anything.
Result<> SelfBeat::check(const RingRead& read, std::uint64_t now_ns) {
  if (auto named = listener_->check_name(); !named) return named;
  if (program_ == nullptr) return ok();
  const std::uint64_t seen = program_->self_beats();
  const std::uint64_t lost = program_->self_beats_lost();
  const int code = send();
  if (program_->self_beats() != seen) {
    if (program_->self_beats_lost() != lost) return ok();  // seen, but the ring is full
    return is_read(read, now_ns);
  }
  if (is_about_us(code)) return ok();
  const std::string what = "a datagram to the socket does not come to the kernel program";
  return code != 0 ? os_error(code, what) : Error{what};
}

// Whether the stamps of earlier ones have been read; that of this one will be later.
Result<> SelfBeat::is_read(const RingRead& read, std::uint64_t now_ns) {
  if (read.self_beat_ns >= unread_since_ns_) {
    unread_since_ns_ = now_ns;
    unread_since_times_ = read.times;
    return ok();
  }
  const bool is_stuck =
      read.times - unread_since_times_ > kMostReads && now_ns - unread_since_ns_ > kUnread_ns;
  return is_stuck ? Result<>(Error{"stamps are not read from the ring any more"}) : ok();
}

int SelfBeat::send() const {
  static const auto bytes = self_beat();
  return send_to(sender_, bytes, address_);
}

}  // namespace hb::intake
