// A beat by libhb-agent, and the same frame by one send(2): each is received, so that there is
// room for the next.
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "agent/hb_agent.hpp"
#include "base/fd.hpp"
#include "vlp/frame.hpp"

namespace hb {
namespace {

class Peer {
 public:
  Peer() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    ::unlink(path_.c_str());
    address_.sun_family = AF_UNIX;
    path_.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
    if (::bind(socket_.get(), address(), sizeof(address_)) != 0) std::abort();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  bool receive() {
    vlp::Bytes bytes;
    return ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0;
  }

 private:
  const std::string path_ = "/tmp/hb-benchmark-" + std::to_string(::getpid());
  sockaddr_un address_{};
  Fd socket_;
};

void beat_by_the_library(benchmark::State& state) {
  Peer peer;
  Agent agent(peer.path());
  for (auto _ : state) {
    if (agent.beat() || !peer.receive()) return state.SkipWithError("not delivered");
  }
}
BENCHMARK(beat_by_the_library);

void the_same_by_send(benchmark::State& state) {
  Peer peer;
  const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::connect(sender.get(), peer.address(), sizeof(sockaddr_un)) != 0) std::abort();
  vlp::Frame frame{.pid = static_cast<std::uint32_t>(::getpid()), .nonce = 0};
  for (auto _ : state) {
    ++frame.nonce;
    const vlp::Bytes bytes = vlp::encode(frame);
    const ssize_t sent = ::send(sender.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (sent < 0 || !peer.receive()) return state.SkipWithError("not delivered");
  }
}
BENCHMARK(the_same_by_send);

}  // namespace
}  // namespace hb
