#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.hpp"
#include "exec/check.hpp"

namespace hb::exec {
namespace {

class TcpCheck final : public Check {
 public:
  explicit TcpCheck(const UdpAddress& address) : address_(address) {}

  [[nodiscard]] std::string name() const override { return "check-tcp " + address_.text(); }

  void begin() override {
    socket_.reset(::socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    code_ = socket_ ? 0 : errno;
    if (socket_ && ::connect(socket_.get(), address_.data(), address_.size()) != 0) code_ = errno;
  }

  std::optional<Result<>> answer() override {
    if (code_ == EINPROGRESS) {
      pollfd polled{socket_.get(), POLLOUT, 0};
      if (::poll(&polled, 1, 0) <= 0) return std::nullopt;
      code_ = pending_error();
    }
    const bool is_alone = code_ == 0 && is_connected_to_itself();
    if (is_alone) give_port_back();
    socket_.reset();
    if (is_alone) return Error{"nobody listens there"};
    return code_ == 0 ? ok() : Result<>(os_error(code_, "cannot connect"));
  }

  void abandon() override { socket_.reset(); }
  [[nodiscard]] int fd() const override { return socket_.get(); }

 private:
  [[nodiscard]] int pending_error() const {
    int code = 0;
    socklen_t size = sizeof(code);
    return ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
  }

  // The kernel may have chosen the very port as the socket's own; then it reaches itself.
  [[nodiscard]] bool is_connected_to_itself() const {
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_size = sizeof(own);
    socklen_t peer_size = sizeof(peer);
    auto* const own_at = reinterpret_cast<sockaddr*>(&own);
    auto* const peer_at = reinterpret_cast<sockaddr*>(&peer);
    return ::getsockname(socket_.get(), own_at, &own_size) == 0 &&
           ::getpeername(socket_.get(), peer_at, &peer_size) == 0 && own_size == peer_size &&
           std::memcmp(&own, &peer, own_size) == 0;
  }

  // At once, and not after TIME_WAIT: whoever is to listen there needs it.
  void give_port_back() const {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }

  const UdpAddress address_;
  Fd socket_;
  int code_ = 0;
};

}  // namespace

std::unique_ptr<Check> check_tcp(const UdpAddress& address) {
  return std::make_unique<TcpCheck>(address);
}

}  // namespace hb::exec
