#include "kernel/stamped_source.hpp"

#include <algorithm>
#include <span>

namespace hb::kernel {
namespace {

constexpr std::uint64_t kBusyRetry_ns = 1'000'000;
constexpr std::uint64_t kIdleRead_ns = 250'000'000;
constexpr std::uint64_t kRest_ns = 2'000'000;

CorrelatorConfig correlator_config(const StampProgram& program, const Config& config,
                                   StampTable::Seed seed) {
  return {.key = program.pairing_key(), .stamp_wait_ns = config.stamp_wait_ns, .seed = seed};
}

}  // namespace

StampedSource::StampedSource(StampProgram& program, Receiver& receiver, const Config& config,
                             StampTable::Seed seed, std::uint64_t start_ns)
    : program_(program),
      receiver_(receiver),
      correlator_(correlator_config(program, config, seed)),
      horizon_(start_ns, config.queue_length + 1),  // the kernel lets one more in than it says
      queue_length_(config.queue_length) {}

std::optional<Reception> StampedSource::next(std::uint64_t now_ns) {
  if (std::optional<Reception> ready = next_ready(now_ns)) return ready;
  if (std::exchange(emptied_, false) && all_handed_out()) {
    is_empty_since(emptied_ns_, now_ns);
    return std::nullopt;
  }
  std::optional<Error> failed = receive(now_ns);
  read_ring(now_ns);
  if (failed) return ReceiveFailed{std::move(*failed)};
  return next_ready(now_ns);
}

std::optional<Reception> StampedSource::next_ready(std::uint64_t now_ns) {
  if (truncated_ > 0) {
    truncated_--;
    return AncillaryTruncated{};
  }
  if (wrong_length_ > 0) {
    wrong_length_--;
    return Dropped{FrameDrop::WrongLength};
  }
  const auto paired = correlator_.next(program_.ring().read_to(), now_ns);
  if (!paired) return std::nullopt;
  return Arrival{paired->bytes, paired->sender, BeatOrigin::KernelAttested};
}

std::optional<Error> StampedSource::receive(std::uint64_t now_ns) {
  if (all_handed_out()) horizon_.took(std::exchange(taken_, 0), now_ns);
  const std::size_t room = std::min(kBatch, correlator_.room());
  if (room == 0) return std::nullopt;

  program_.begin_receiving();
  const Result<std::size_t> received = receiver_.receive({batch_.data(), room});
  program_.end_receiving();
  if (!received) return received.error();

  accept_batch(received.value(), now_ns);
  if (received.value() < room) has_emptied(received.value(), now_ns);
  return std::nullopt;
}

// recvmmsg(2) returned less than there was room for: it found the queue empty after these. (After
// an error too, which it keeps for the next call.)
void StampedSource::has_emptied(std::size_t count, std::uint64_t now_ns) {
  if (count == 0 && all_handed_out()) is_empty_since(now_ns, now_ns);
  const std::uint64_t since_ns = now_ns - std::exchange(emptied_ns_, now_ns);
  emptied_ = count > 0;
  // What may come in a rest, if it comes as it did since the last look: not worth one, or too much.
  const std::uint64_t expected = count * kRest_ns / (since_ns + 1);
  const bool rests = expected >= 2 && expected <= queue_length_ / 8;
  if (count > 0) rests_until_ns_ = rests ? now_ns + kRest_ns : 0;
}

// Only now that no frame is inside may stamps be given up.
void StampedSource::is_empty_since(std::uint64_t looked_ns, std::uint64_t now_ns) {
  horizon_.empty_at(looked_ns);
  taken_ = 0;
  correlator_.expire(now_ns);
}

void StampedSource::accept_batch(std::size_t count, std::uint64_t now_ns) {
  const std::uint64_t ring_position = program_.ring().reserved_to();
  taken_ += count;
  for (std::size_t i = 0; i < count; i++) {
    const std::uint64_t serial = received_++;
    switch (batch_[i].kind) {
      case Datagram::Kind::Frame:
      case Datagram::Kind::NoCredentials:  // matches no stamp, and is refused for that
        correlator_.add_frame(batch_[i], serial, ring_position, now_ns);
        break;
      case Datagram::Kind::WrongLength: wrong_length_++; break;
      case Datagram::Kind::CtrlTruncated: truncated_++; break;
    }
  }
}

void StampedSource::read_ring(std::uint64_t now_ns) {
  program_.ring().drain([&](std::span<const std::byte> record) {
    const auto stamp = record_as<hb_stamp>(record);
    const auto receipt = record_as<hb_receipt>(record);
    if (stamp && stamp->version == HB_STAMP_VERSION) {
      correlator_.add_stamp(*stamp, now_ns);
    } else if (receipt) {
      correlator_.add_receipt(*receipt);
    } else {
      malformed_++;
    }
  });
}

bool StampedSource::all_handed_out() const {
  return truncated_ == 0 && wrong_length_ == 0 && correlator_.frames() == 0;
}

std::uint64_t StampedSource::wake_ns(std::uint64_t now_ns) const {
  if (truncated_ > 0 || wrong_length_ > 0) return now_ns;
  if (correlator_.frames() > 0) return now_ns + kBusyRetry_ns;
  return now_ns + kIdleRead_ns;
}

StampCounters StampedSource::counters() const {
  return {.kernel = program_.counters(),
          .correlator = correlator_.counters(),
          .waiting = correlator_.waiting(),
          .malformed = malformed_};
}

}  // namespace hb::kernel
