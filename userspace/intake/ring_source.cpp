#include "intake/ring_source.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>

#include "identity/stamped_sender.hpp"

namespace hb::intake {
namespace {

constexpr std::uint64_t kBusyRetry_ns = 200'000;

Arrival arrival_of(const hb_stamp& stamp) {
  Arrival arrival{{}, sender_of(stamp), BeatOrigin::KernelAttested};
  std::memcpy(arrival.bytes.data(), stamp.frame, arrival.bytes.size());
  return arrival;
}

// Records in the ring are aligned to eight bytes, so this needs no copy.
const hb_stamp* stamp_in(kernel::RingReader::Bytes record) {
  static_assert(alignof(hb_stamp) <= 8);
  if (record.size() != sizeof(hb_stamp)) return nullptr;
  const auto* stamp = reinterpret_cast<const hb_stamp*>(record.data());
  return stamp->version == HB_STAMP_VERSION ? stamp : nullptr;
}

}  // namespace

RingSource::RingSource(kernel::StampProgram& program, Receiver& receiver,
                       const kernel::Config& config, std::uint64_t start_ns, hb_progress* progress)
    : program_(program),
      ring_(program.ring()),
      receiver_(receiver),
      truncations_(program),
      drain_interval_ns_(config.drain_interval_ns),
      horizon_ns_(start_ns),
      mark_ns_(start_ns),
      mark_(ring_.reserved_to()),
      progress_(progress) {
  if (progress_ == nullptr) return;
  ring_.keep_popped();
  if (program_.is_adopted()) go_on();
}

// What waits was sent to the predecessor, so nothing before the start has been read yet.
void RingSource::go_on() {
  const hb_place& left = progress_->places[progress_->valid & 1];
  ring_.go_on_at(left.position);
  frames_ = left.frames;
  malformed_ = left.malformed;
  truncations_.go_on_at(left.descriptors_told);
  horizon_ns_ = 0;
}

void RingSource::discard_queue() {
  discards_queue_ = true;
  program_.queue_too(false);
}

std::optional<Reception> RingSource::next(std::uint64_t now_ns) {
  auto reception = read(now_ns);
  if (progress_ == nullptr) return reception;
  is_at_end_ = !reception;
  if (reception) {
    unhandled_[(oldest_ + unhandled_count_++) % unhandled_.size()] = place();
  } else if (unhandled_count_ == 0) {
    note(place());
  }
  return reception;
}

void RingSource::handled() {
  if (progress_ == nullptr || unhandled_count_ == 0) return;
  const hb_place& place = unhandled_[oldest_];
  oldest_ = (oldest_ + 1) % unhandled_.size();
  --unhandled_count_;
  note(place);
}

hb_place RingSource::place() const {
  return {ring_.read_to(), frames_, malformed_, truncations_.told()};
}

// A kill leaves all stores up to an instruction, so it suffices that the compiler keeps their
// order.
void RingSource::note(const hb_place& place) {
  const std::uint32_t other = (progress_->valid & 1) ^ 1;
  progress_->places[other] = place;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  progress_->valid = other;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  ring_.release_to(place.position, is_at_end_ && unhandled_count_ == 0);
}

std::optional<Reception> RingSource::read(std::uint64_t now_ns) {
  look_ahead(now_ns);
  while (const auto record = ring_.front()) {
    std::optional<Arrival> arrival;
    if (const hb_stamp* stamp = stamp_in(*record); stamp != nullptr && is_self_beat(*stamp)) {
      self_beat_ns_ = stamp->ktime_ns;
    } else if (stamp != nullptr) {
      arrival = arrival_of(*stamp);
      frames_++;
    } else {
      malformed_++;
    }
    ring_.pop();
    if (arrival) return arrival;
  }
  look_ahead(now_ns);
  if (progress_ == nullptr) ring_.release();
  ring_reads_++;
  if (auto failed = discard_refused()) return ReceiveFailed{std::move(*failed)};
  if (spend_before_start()) return Dropped{FrameDrop::BeforeStart};
  if (const auto truncated = truncations_.next(now_ns)) return *truncated;
  return std::nullopt;
}

// `now_ns` was taken before the position is read, so all that was reserved by then is below it.
void RingSource::look_ahead(std::uint64_t now_ns) {
  if (ring_.read_to() < mark_) return;
  horizon_ns_ = mark_ns_;
  mark_ns_ = now_ns;
  mark_ = ring_.reserved_to();
  if (ring_.read_to() >= mark_) horizon_ns_ = now_ns;
}

// No system call until the kernel program has queued an unstamped datagram. From then on always
// one, since a sender that is blocked on the full queue may add its datagram at any later time.
std::optional<Error> RingSource::discard_refused() {
  if (!discards_queue_ && program_.kept_unstamped() == 0) return std::nullopt;
  const auto received = receiver_.receive(discarded_);
  if (!received) return received.error();
  discarded_count_ += received.value();
  return std::nullopt;
}

// What the program has let into the queue it has counted itself.
bool RingSource::spend_before_start() {
  if (!discards_queue_ || program_.is_adopted() || discarded_count_ == before_start_) return false;
  if (discarded_count_ <= before_start_ + program_.kept_unstamped()) return false;
  ++before_start_;
  return true;
}

kernel::StampCounters RingSource::counters() const {
  return {.kernel = program_.counters(),
          .correlator = {.stamps = frames_, .matched = frames_},
          .waiting = 0,
          .malformed = malformed_};
}

std::uint64_t RingSource::wake_ns(std::uint64_t now_ns) const {
  const bool head_is_busy = ring_.read_to() < mark_;
  return now_ns + (head_is_busy ? std::min(drain_interval_ns_, kBusyRetry_ns) : drain_interval_ns_);
}

}  // namespace hb::intake
