#include "cli/beat_link.hpp"

#include <unistd.h>

#include <cerrno>

#include "secure/frame_sealer.hpp"
#include "secure/key_file.hpp"
#include "transport/udp_agent.hpp"
#include "transport/unix_agent.hpp"

namespace hb::cli {
namespace {

class UnixLink final : public BeatLink {
 public:
  explicit UnixLink(const BeatRoute& route) : agent_(route.socket) {
    if (route.forged_pid) agent_.present_as(*route.forged_pid);
  }

  Result<> send(const vlp::Bytes& frame) override {
    const auto sent = agent_.send(frame);
    if (!sent) return sent.error();
    if (sent.value() == UnixAgent::Outcome::Queued) return ok();
    return Error{"the observer's queue is full: it does not keep up", EAGAIN};
  }

 private:
  UnixAgent agent_;
};

class UdpLink final : public BeatLink {
 public:
  UdpLink(const UdpAddress& observer, std::optional<secure::FrameSealer> sealer)
      : agent_(observer), sealer_(std::move(sealer)) {}

  Result<> send(const vlp::Bytes& frame) override {
    if (!sealer_) return transmit(frame);
    const auto sealed = sealer_->seal(frame);
    return sealed ? transmit(sealed.value()) : Result<>(sealed.error());
  }

 private:
  Result<> transmit(std::span<const std::uint8_t> bytes) {
    const auto sent = agent_.send(bytes);
    if (!sent) return sent.error();
    if (sent.value() == UdpAgent::Outcome::Sent) return ok();
    return Error{"the UDP send buffer or the device queue is full", EAGAIN};
  }

  UdpAgent agent_;
  std::optional<secure::FrameSealer> sealer_;
};

// A session begins with this process.
Result<secure::FrameSealer> make_sealer(const BeatRoute& route) {
  const bool shared = !route.key_file.empty();
  auto key = secure::read_key_file(shared ? route.key_file : route.master_key_file);
  if (!key) return key.error();
  const auto start = secure::FrameSealer::random_start();
  if (!start) return start.error();
  if (shared) {
    return secure::FrameSealer::with_shared_key(std::move(key).value(), start.value());
  }
  const auto pid = static_cast<std::uint32_t>(::getpid());
  return secure::FrameSealer::with_master_key(key.value(), pid, start.value());
}

}  // namespace

Result<std::unique_ptr<BeatLink>> open_link(const BeatRoute& route) {
  if (route.udp.empty()) return std::unique_ptr<BeatLink>(std::make_unique<UnixLink>(route));
  const auto observer = UdpAddress::parse(route.udp);
  if (!observer) return observer.error();
  std::optional<secure::FrameSealer> sealer;
  if (!route.key_file.empty() || !route.master_key_file.empty()) {
    auto made = make_sealer(route);
    if (!made) return made.error();
    sealer = std::move(made).value();
  }
  return std::unique_ptr<BeatLink>(std::make_unique<UdpLink>(observer.value(), std::move(sealer)));
}

}  // namespace hb::cli
