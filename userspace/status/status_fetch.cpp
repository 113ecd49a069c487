#include "status/status_fetch.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "base/uninterrupted.hpp"
#include "transport/unix_address.hpp"

namespace hb::status {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kChunk_bytes = std::size_t{64} << 10;

const char* remedy_for(int code) {
  switch (code) {
    case ENOENT:
    case ECONNREFUSED: return ". Is `hb-ebpf run` running, and is this its --status-socket?";
    case EACCES:
    case EPERM: return ". Ask as root, or as the user of the observer";
    case EPROTOTYPE: return ". This is another socket than the observer's --status-socket";
    case EAGAIN: return ". Too many readers wait for it; try again";
    default: return "";
  }
}

Error unreachable(int code, const std::string& path) {
  Error error = os_error(code, "cannot read an observer's status at " + path);
  error.message += remedy_for(code);
  return error;
}

// Rounded up, so that poll(2) does not return before the deadline.
int left_ms(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

}  // namespace

Result<StatusFetch> StatusFetch::begin(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int code = errno;
  if (!connection) return os_error(code, "cannot make a Unix socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused =
      uninterrupted([&] { return ::connect(connection.get(), where, sizeof(sockaddr_un)); });
  code = errno;
  if (refused != 0) return unreachable(code, path);
  return StatusFetch(std::move(connection));
}

Result<bool> StatusFetch::advance() {
  std::vector<char> chunk(kChunk_bytes);
  for (;;) {
    const ssize_t length =
        uninterrupted([&] { return ::read(connection_.get(), chunk.data(), chunk.size()); });
    const int code = errno;
    if (length == 0) return true;
    if (length < 0 && code == EAGAIN) return false;
    if (length < 0) return os_error(code, "the observer did not tell its whole status");
    text_.append(chunk.data(), static_cast<std::size_t>(length));
    if (text_.size() > kMaxDocument_bytes) {
      return Error{"the status document is longer than " + std::to_string(kMaxDocument_bytes) +
                   " bytes: is an hb-ebpf at that socket?"};
    }
  }
}

Result<std::string> fetch_status(const std::string& path, milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  auto fetch = StatusFetch::begin(path);
  if (!fetch) return fetch.error();
  for (;;) {
    pollfd polled{fetch.value().fd(), POLLIN, 0};
    ::poll(&polled, 1, left_ms(deadline));
    const auto complete = fetch.value().advance();
    if (!complete) return complete.error();
    if (complete.value()) return fetch.value().text();
    if (Clock::now() >= deadline) return no_answer(path, patience);
  }
}

Error no_answer(const std::string& path, milliseconds patience) {
  return Error{"the observer at " + path + " does not tell its status within " +
               std::to_string(patience.count()) +
               " ms: it may be stopped or overloaded; look at its log"};
}

}  // namespace hb::status
