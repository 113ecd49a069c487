#include "intake/ring_source.hpp"

#include <cstring>

#include "identity/stamped_sender.hpp"

namespace hb::intake {
namespace {

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
    : RingFeed(program.ring(), progress, start_ns, config.drain_interval_ns),
      program_(program),
      receiver_(receiver),
      truncations_(program) {
  if (progress == nullptr || !program_.is_adopted()) return;
  const hb_place& left = go_on();
  frames_ = left.frames;
  malformed_ = left.malformed;
  truncations_.go_on_at(left.descriptors_told);
}

void RingSource::discard_queue() {
  discards_queue_ = true;
  program_.queue_too(false);
}

hb_place RingSource::place() const {
  return {program_.ring().read_to(), frames_, malformed_, truncations_.told()};
}

std::optional<Reception> RingSource::take(kernel::RingReader::Bytes record) {
  const hb_stamp* stamp = stamp_in(record);
  if (stamp == nullptr) return ++malformed_, std::nullopt;
  if (is_self_beat(*stamp)) return note_self_beat(stamp->ktime_ns), std::nullopt;
  ++frames_;
  return arrival_of(*stamp);
}

std::optional<Reception> RingSource::take_at_end(std::uint64_t now_ns) {
  if (auto failed = discard_refused()) return ReceiveFailed{std::move(*failed)};
  if (spend_before_start()) return Dropped{FrameDrop::BeforeStart};
  if (const auto truncated = truncations_.next(now_ns)) return *truncated;
  return std::nullopt;
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

}  // namespace hb::intake
