#include "cli/bundle_status.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/fd.hpp"
#include "base/uninterrupted.hpp"
#include "status/json_bounds.hpp"
#include "transport/unix_address.hpp"

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostStatusBytes = std::size_t{4} << 20;
constexpr std::chrono::seconds kStatusPatience{5};
constexpr std::size_t kDeepest = 32;       // a document is walked by recursion
constexpr std::size_t kMostFields = 1024;  // of an object: finding one costs a step for each

Result<Fd> connect_to(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int code = errno;
  if (!socket) return os_error(code, "making a socket");
  const auto* to = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused = ::connect(socket.get(), to, sizeof(address.value()));
  code = errno;
  if (refused != 0) return os_error(code, "no observer tells its status");
  return socket;
}

// The document ends where the observer closes the connection.
Result<std::string> read_document(const Fd& socket) {
  const auto deadline = Clock::now() + kStatusPatience;
  std::string text;
  std::array<char, 16384> chunk{};
  while (text.size() <= kMostStatusBytes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{socket.get(), POLLIN, 0};
    const int wait_ms = static_cast<int>(left.count());
    if (wait_ms <= 0) return Error{"the observer's status did not end within 5 s"};
    uninterrupted([&] { return ::poll(&polled, 1, wait_ms); });
    const ssize_t length =
        uninterrupted([&] { return ::read(socket.get(), chunk.data(), chunk.size()); });
    const int code = errno;
    if (length < 0 && code == EAGAIN) continue;
    if (length < 0) return os_error(code, "reading the observer's status");
    if (length == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(length));
  }
  return Error{"the observer's status is longer than 4 MiB"};
}

}  // namespace

Json bundle_status(const std::string& socket) {
  const auto connected = connect_to(socket);
  if (!connected) return {{"socket", socket}, {"problem", connected.error().message}};
  const auto text = read_document(connected.value());
  if (!text) return {{"socket", socket}, {"problem", text.error().message}};
  if (!status::is_within(text.value(), {kDeepest, kMostFields})) {
    return {{"socket", socket},
            {"problem", "its status is nested too deep, or has too many fields"}};
  }
  // Without a callback, which would make it walk through an array again for each object in it.
  Json status = Json::parse(text.value(), nullptr, false);
  if (status.is_discarded()) return {{"socket", socket}, {"problem", "its status is no JSON"}};
  return {{"socket", socket}, {"status", std::move(status)}};
}

}  // namespace hb::cli
