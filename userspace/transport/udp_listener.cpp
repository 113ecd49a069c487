#include "transport/udp_listener.hpp"

#include <linux/sock_diag.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace hb {
namespace {

// The kernel doubles the requested size (socket(7)), and without CAP_NET_ADMIN limits it to
// net.core.rmem_max.
constexpr int kAskedBytes = UdpListener::kWantedBytes / 2;

// A UDP queue is bounded in bytes, and each datagram is charged at least for its struct sk_buff and
// struct skb_shared_info (SKB_TRUESIZE(0) in include/linux/skbuff.h): 576 bytes on all supported
// kernels. Half of that is a safe lower bound; if it is too low, a silence is only detected some
// milliseconds later during a flood.
constexpr std::size_t kLeastCharge_bytes = 288;

// The kernel checks the limit before it adds a datagram (__udp_enqueue_schedule_skb in
// net/ipv4/udp.c), so each CPU may exceed it by one datagram.
constexpr std::size_t kOvershoot = 1024;

void enlarge(int socket) {
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &kAskedBytes, sizeof(int)) == 0) return;
  // SO_RCVBUFFORCE needs CAP_NET_ADMIN. A smaller buffer works too; receive_buffer_bytes() reads
  // it.
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kAskedBytes, sizeof(int)));
}

Result<std::size_t> receive_buffer_bytes(int socket) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  if (::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, &size) != 0) {
    const int code = errno;
    return os_error(code, "cannot ask for the size of the UDP receive buffer");
  }
  return static_cast<std::size_t>(bytes);
}

// "::" means IPv6 only.
Result<> keep_to_ipv6(int socket) {
  const int on = 1;
  if (::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot set IPV6_V6ONLY on the UDP socket");
}

Result<> bind(int socket, const UdpAddress& address) {
  if (address.family() == AF_INET6) {
    if (auto kept = keep_to_ipv6(socket); !kept) return kept;
  }
  if (::bind(socket, address.data(), address.size()) == 0) return ok();
  const int code = errno;
  const std::string where = "cannot receive UDP at " + address.text();
  if (code == EADDRINUSE)
    return os_error(code, where + " (stop the process that does, or choose another port)");
  if (code == EADDRNOTAVAIL) return os_error(code, where + " (no interface has this address)");
  if (code == EACCES) return os_error(code, where + " (take a port above 1023, or be root)");
  return os_error(code, where);
}

}  // namespace

Result<std::unique_ptr<UdpListener>> UdpListener::open(const UdpAddress& address) {
  Fd socket(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!socket) return os_error(code, "cannot make a UDP socket");
  enlarge(socket.get());
  const auto bytes = receive_buffer_bytes(socket.get());
  if (!bytes) return bytes.error();
  if (auto bound = bind(socket.get(), address); !bound) return bound.error();
  std::unique_ptr<UdpListener> listener(new UdpListener(std::move(socket)));
  listener->buffer_bytes_ = bytes.value();
  listener->queue_length_ = bytes.value() / kLeastCharge_bytes + kOvershoot;
  return listener;
}

UdpListener::UdpListener(Fd socket) : socket_(std::move(socket)) {
  for (std::size_t i = 0; i < kMaxBatch; ++i) {
    vectors_[i].iov_len = sizeof(UdpDatagram::room);
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &sources_[i];
  }
}

// SO_MEMINFO (Linux 4.12) reads sk_drops, a 32-bit counter; SO_RXQ_OVFL would report it only with
// the next datagram.
std::uint64_t UdpListener::drops() {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) == 0) {
    drops_ += info[SK_MEMINFO_DROPS] - static_cast<std::uint32_t>(drops_);
  }
  return drops_;
}

// The kernel writes directly into the caller's datagrams. A truncated one has the length kMaxBytes
// + 1.
Result<std::size_t> UdpListener::receive(std::span<UdpDatagram> batch) {
  const std::size_t room = std::min(batch.size(), kMaxBatch);
  for (std::size_t i = 0; i < room; ++i) {
    vectors_[i].iov_base = batch[i].room.data();
    headers_[i].msg_hdr.msg_namelen = sizeof(sources_[i]);
  }
  for (;;) {
    const int got = ::recvmmsg(socket_.get(), headers_.data(), static_cast<unsigned>(room),
                               MSG_DONTWAIT, nullptr);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0 && code == EAGAIN) return std::size_t{0};
    if (got < 0) return os_error(code, "cannot receive UDP");
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) {
      batch[i].length = headers_[i].msg_len;
      batch[i].from = host_of(sources_[i]);
    }
    return count;
  }
}

}  // namespace hb
