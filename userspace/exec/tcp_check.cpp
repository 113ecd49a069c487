#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
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
    socket_.reset();
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

  const UdpAddress address_;
  Fd socket_;
  int code_ = 0;
};

}  // namespace

std::unique_ptr<Check> check_tcp(const UdpAddress& address) {
  return std::make_unique<TcpCheck>(address);
}

}  // namespace hb::exec
