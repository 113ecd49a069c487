// Frames that are sent with io_uring.
#include "lab/compare/plays.hpp"
#include "lab/compare/uring.hpp"

namespace hb::compare {
namespace {

Result<Uring> open_ring(std::uint32_t flags) {
  auto ring = Uring::open(flags);
  const bool polled = (flags & IORING_SETUP_SQPOLL) != 0;
  if (!ring || !polled || ring.value().has(IORING_FEAT_NATIVE_WORKERS)) return ring;
  return Error{"before Linux 5.12 SQPOLL sends from a kernel thread, whose frames are refused"};
}

Result<> send_through_ring(std::uint32_t flags, const Sockets& sockets) {
  auto ring = open_ring(flags);
  if (!ring) return ring.error();
  const auto sender = Sender::connect(sockets);
  if (!sender) return sender.error();
  const vlp::Bytes frame = beat_claiming(own_pid());
  for (const Fd& fd : sender.value().fds()) {
    if (auto sent = ring.value().send(fd.get(), frame); !sent) return sent;
  }
  return ok();
}

Result<Conclusions> judge_ring(const Stage& stage, std::uint32_t flags) {
  stage.clear();
  const auto sender = stage.enter([&](lab::Line& line) -> Result<> {
    if (auto sent = send_through_ring(flags, stage.sockets()); !sent) return sent;
    return stay(line);
  });
  if (!sender) return sender.error();
  return stage.judge();
}

}  // namespace

Outcome io_uring(const Stage& stage) {
  const auto direct = judge_ring(stage, 0);
  if (!direct) return direct.error();
  const auto polled = judge_ring(stage, IORING_SETUP_SQPOLL);
  if (!polled) return Observed(direct.value(), "SQPOLL: " + polled.error().message);
  return Observed(both(direct.value(), polled.value(), Conclusion::Beat));
}

}  // namespace hb::compare
