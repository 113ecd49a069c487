// UdpListener: the UDP socket that agents on the network send to. The sender of a datagram is not
// attested: the kernel program is not attached here, and a source address can be forged, though not
// a loopback address, and of IPv4 no address of this host (the kernel drops these as "martian").
//
// Owns the descriptor. One thread. receive() neither blocks nor allocates.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>

#include "base/fd.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "identity/udp_datagram.hpp"
#include "transport/udp_address.hpp"

namespace hb {

class UdpListener final : public UdpReceiver {
 public:
  static constexpr std::size_t kMaxBatch = 64;

  // Creates and binds the socket, without SO_REUSEPORT.
  static Result<std::unique_ptr<UdpListener>> open(const UdpAddress& address);
  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;
  ~UdpListener() override = default;

  // One recvmmsg(2) of at most kMaxBatch datagrams.
  Result<std::size_t> receive(std::span<UdpDatagram> batch) override;

  [[nodiscard]] int fd() const { return socket_.get(); }

  // An upper bound of the datagrams that can be queued.
  [[nodiscard]] std::size_t queue_length() const { return queue_length_; }
  // SO_RCVBUF: kernel memory for queued datagrams, including struct sk_buff.
  [[nodiscard]] std::size_t buffer_bytes() const { return buffer_bytes_; }
  static constexpr std::size_t kWantedBytes = std::size_t{16} << 20;

  static constexpr Metric kDrops{
      .name = "udp_receive_buffer_drops_total",
      .unit = "datagrams",
      .help = "UDP datagrams that came faster than they were read (receive buffer full)",
      .loss = "udp_receive_buffer"};
  // One getsockopt(2).
  std::uint64_t drops();

 private:
  explicit UdpListener(Fd socket);

  Fd socket_;
  std::size_t queue_length_ = 0;
  std::size_t buffer_bytes_ = 0;
  std::uint64_t drops_ = 0;
  std::array<iovec, kMaxBatch> vectors_{};
  std::array<mmsghdr, kMaxBatch> headers_{};
  std::array<sockaddr_storage, kMaxBatch> sources_{};
};

}  // namespace hb
