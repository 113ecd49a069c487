// Thousands of stamps without frames: the flooder claims the honest process's pid, so that any
// wrong pairing is detected.
#include <ctime>

#include "base/units.hpp"
#include "lab/compare/plays.hpp"
#include "observer/clock.hpp"

namespace hb::compare {
namespace {

constexpr std::uint64_t kFloodSends = 10'000;
constexpr std::uint32_t kHonestPayload = 1;
constexpr std::uint32_t kFloodPayload = 2;
constexpr int kBeatsToHear = 3;
constexpr std::uint64_t kPatience_ns = 5 * kNsPerSecond;
constexpr timespec kBeatInterval{0, 5'000'000};
constexpr timespec kLookAgain{0, 1'000'000};

// A beat may be lost when the queue or the ring is full; a later one will arrive.
Result<> keep_beating(const Sockets& sockets, lab::Line& line) {
  const auto sender = Sender::connect(sockets);
  if (!sender) return sender.error();
  line.tell("here");
  for (std::uint64_t nonce = 1;; ++nonce) {
    sender.value().offer(beat_claiming(own_pid(), nonce, kHonestPayload));
    ::nanosleep(&kBeatInterval, nullptr);
  }
}

Result<> flood(const Sockets& sockets, std::uint32_t claimed) {
  const auto sender = Sender::connect(sockets);
  if (!sender) return sender.error();
  for (std::uint64_t nonce = 1; nonce <= kFloodSends; ++nonce) {
    sender.value().offer(beat_claiming(claimed, nonce, kFloodPayload));
  }
  return ok();
}

// The flooder was accepted, or the honest process refused.
bool is_mispaired(const Event& event, std::uint32_t honest) {
  if (const auto* beat = std::get_if<Beat>(&event)) {
    return beat->payload != kHonestPayload || beat->pid != honest;
  }
  const auto* failure = std::get_if<AuthFailure>(&event);
  return failure != nullptr && failure->attested_pid == honest;
}

// The verdict on the honest process; AuthFailure also after a wrong pairing.
Conclusion judge(Column& column, std::uint32_t honest) {
  const MonotonicClock clock;
  const std::uint64_t deadline_ns = clock.now_ns() + kPatience_ns;
  int heard = 0;
  while (clock.now_ns() < deadline_ns) {
    while (const auto event = column.take()) {
      if (is_mispaired(*event, honest)) return Conclusion::AuthFailure;
      if (std::holds_alternative<Beat>(*event) && ++heard == kBeatsToHear) return Conclusion::Beat;
    }
    ::nanosleep(&kLookAgain, nullptr);
  }
  return Conclusion::Unknown;
}

}  // namespace

Outcome flood_orphans(const Stage& stage) {
  const auto honest =
      stage.enter([&](lab::Line& line) { return keep_beating(stage.sockets(), line); });
  if (!honest) return honest.error();
  const auto pid = static_cast<std::uint32_t>(honest.value().pid());
  const auto flooded =
      stage.enter_and_leave([&](lab::Line&) { return flood(stage.sockets(), pid); });
  if (!flooded) return flooded.error();

  Conclusions conclusions;
  for (const Mechanism mechanism : kMechanisms) {
    Column* column = stage.columns().column(mechanism);
    conclusions[mechanism] = column == nullptr ? Conclusion::Unavailable : judge(*column, pid);
  }
  return Observed(conclusions);
}

}  // namespace hb::compare
