#include "intake/stamped_source.hpp"

#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "identity/stamped_sender.hpp"

namespace hb::intake {
namespace {

constexpr std::uint64_t kBusyRetry_ns = kNsPerMs;
constexpr std::uint64_t kIdleRead_ns = 500 * kNsPerMs;
constexpr std::uint64_t kShortestQueue = 64;  // shorter ones are always polled

CorrelatorConfig correlator_config(const kernel::StampProgram& program,
                                   const kernel::Config& config, StampTable::Seed seed) {
  return {.key = program.pairing_key(),
          .stamps = stamps_for(config.ring_bytes, config.senders),
          .senders = config.senders,
          .stamp_wait_ns = config.stamp_wait_ns,
          .seed = seed};
}

FrameDrop drop_for(Correlator::MissingStamp why) {
  switch (why) {
    case Correlator::MissingStamp::RingFull: return FrameDrop::RingFull;
    case Correlator::MissingStamp::Evicted: return FrameDrop::StampEvicted;
  }
  return FrameDrop::RingFull;
}

}  // namespace

StampedSource::StampedSource(kernel::StampProgram& program, Receiver& receiver,
                             const kernel::Config& config, StampTable::Seed seed,
                             std::uint64_t start_ns)
    : program_(program),
      receiver_(receiver),
      correlator_(correlator_config(program, config, seed)),
      received_horizon_(start_ns, config.queue_length + 1),  // the kernel queues one more
      horizon_ns_(start_ns),
      mark_ns_(start_ns),
      truncations_(program),
      drain_interval_ns_(config.queue_length < kShortestQueue ? 0 : config.drain_interval_ns) {}

std::optional<Reception> StampedSource::next(std::uint64_t now_ns) {
  if (std::optional<Reception> ready = next_ready(now_ns)) return ready;
  advance_and_expire();
  std::optional<Error> failed;
  if (!std::exchange(emptied_, false)) failed = receive(now_ns);
  read_ring(now_ns);
  if (failed) return ReceiveFailed{std::move(*failed)};
  if (std::optional<Reception> ready = next_ready(now_ns)) return ready;
  advance_and_expire();
  if (const auto truncated = truncations_.next(now_ns)) return *truncated;
  return std::nullopt;
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
  if (paired->missing) return Dropped{drop_for(*paired->missing)};
  return Arrival{paired->bytes, paired->sender, BeatOrigin::KernelAttested};
}

std::optional<Error> StampedSource::receive(std::uint64_t now_ns) {
  const std::size_t room = std::min(kBatch, correlator_.room());
  if (room == 0) return std::nullopt;

  program_.begin_receiving();
  const Result<std::size_t> received = receiver_.receive({batch_.data(), room});
  program_.end_receiving();
  if (!received) return received.error();

  if (received.value() > 0) accept_batch(received.value(), now_ns);
  if (received.value() < room) has_emptied(received.value(), now_ns);
  return std::nullopt;
}

// recvmmsg(2) returned fewer datagrams than there was room for, so the queue was empty after these
// (or there was an error, which the next call returns).
void StampedSource::has_emptied(std::size_t count, std::uint64_t now_ns) {
  received_horizon_.empty_at(now_ns);
  emptied_ = count > 0;
  if (count > 0) poll_after_ns_ = drain_interval_ns_ == 0 ? 0 : now_ns + drain_interval_ns_;
}

// Called when nothing is ready to be returned: advances the horizon, and expires stamps whose frame
// would have been received by then.
void StampedSource::advance_and_expire() {
  advance_horizon();
  is_expiring_ = correlator_.expire(horizon_ns_);
}

void StampedSource::advance_horizon() {
  const std::uint64_t returned_to =
      correlator_.frames() == 0 ? received_ : correlator_.oldest_serial();
  if (returned_to < mark_serial_) return;
  horizon_ns_ = mark_ns_;
  mark_ns_ = received_horizon_.ns();
  mark_serial_ = received_;
  if (returned_to >= mark_serial_) horizon_ns_ = mark_ns_;
}

void StampedSource::accept_batch(std::size_t count, std::uint64_t now_ns) {
  const std::uint64_t ring_position = program_.ring().reserved_to();
  correlator_.kept_unstamped(program_.kept_unstamped(), now_ns);
  received_horizon_.took(count, now_ns);
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

// Reads the records that are there at the begin, at most kRecordsPerCall; stops at one that is
// still being written.
void StampedSource::read_ring(std::uint64_t now_ns) {
  kernel::RingReader& ring = program_.ring();
  const std::uint64_t end = ring.reserved_to();
  std::size_t records = 0;
  for (; records < kRecordsPerCall && ring.read_to() < end; records++) {
    const auto record = ring.front();
    if (!record) break;
    accept_record(*record, now_ns);
    ring.pop();
  }
  ring.release();
  ring_reads_++;
  is_behind_ = records == kRecordsPerCall;
}

void StampedSource::accept_record(kernel::RingReader::Bytes record, std::uint64_t now_ns) {
  const auto stamp = kernel::record_as<hb_stamp>(record);
  const auto receipt = kernel::record_as<hb_receipt>(record);
  if (stamp && is_self_beat(*stamp)) {
    self_beat_ns_ = stamp->ktime_ns;
  } else if (stamp && stamp->version == HB_STAMP_VERSION) {
    correlator_.add_stamp(*stamp, now_ns);
  } else if (receipt) {
    correlator_.add_receipt(*receipt);
  } else {
    malformed_++;
  }
}

std::uint64_t StampedSource::wake_ns(std::uint64_t now_ns) const {
  if (truncated_ > 0 || wrong_length_ > 0 || is_behind_ || is_expiring_) return now_ns;
  if (correlator_.frames() > 0) return now_ns + kBusyRetry_ns;
  return now_ns + kIdleRead_ns;
}

kernel::StampCounters StampedSource::counters() const {
  return {.kernel = program_.counters(),
          .correlator = correlator_.counters(),
          .waiting = correlator_.waiting(),
          .malformed = malformed_};
}

}  // namespace hb::intake
