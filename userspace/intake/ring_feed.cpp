#include "intake/ring_feed.hpp"

#include <algorithm>
#include <atomic>

namespace hb::intake {
namespace {

constexpr std::uint64_t kBusyRetry_ns = 200'000;

}  // namespace

RingFeed::RingFeed(kernel::RingReader& ring, hb_progress* progress, std::uint64_t start_ns,
                   std::uint64_t reads_every_ns)
    : ring_(ring),
      reads_every_ns_(reads_every_ns),
      horizon_ns_(start_ns),
      mark_ns_(start_ns),
      mark_(ring_.reserved_to()),
      progress_(progress) {
  if (progress_ != nullptr) ring_.keep_popped();
}

const hb_place& RingFeed::go_on() {
  const hb_place& left = progress_->places[progress_->valid & 1];
  ring_.go_on_at(left.position);
  horizon_ns_ = 0;
  return left;
}

std::optional<Reception> RingFeed::next(std::uint64_t now_ns) {
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

void RingFeed::handled() {
  if (progress_ == nullptr || unhandled_count_ == 0) return;
  const hb_place& place = unhandled_[oldest_];
  oldest_ = (oldest_ + 1) % unhandled_.size();
  --unhandled_count_;
  note(place);
}

// A kill leaves all stores up to an instruction, so it suffices that the compiler keeps their
// order.
void RingFeed::note(const hb_place& place) {
  const std::uint32_t other = (progress_->valid & 1) ^ 1;
  progress_->places[other] = place;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  progress_->valid = other;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  ring_.release_to(place.position, is_at_end_ && unhandled_count_ == 0);
}

std::optional<Reception> RingFeed::read(std::uint64_t now_ns) {
  look_ahead(now_ns);
  while (const auto record = ring_.front()) {
    auto reception = take(*record);
    ring_.pop();
    if (reception) return reception;
  }
  look_ahead(now_ns);
  if (progress_ == nullptr) ring_.release();
  ring_reads_++;
  return take_at_end(now_ns);
}

// `now_ns` was taken before the position is read, so all that was reserved by then is below it.
void RingFeed::look_ahead(std::uint64_t now_ns) {
  if (ring_.read_to() < mark_) return;
  horizon_ns_ = mark_ns_;
  mark_ns_ = now_ns;
  mark_ = ring_.reserved_to();
  if (ring_.read_to() >= mark_) horizon_ns_ = now_ns;
}

std::uint64_t RingFeed::wake_ns(std::uint64_t now_ns) const {
  const bool head_is_busy = ring_.read_to() < mark_;
  if (head_is_busy) return now_ns + std::min(reads_every_ns_, kBusyRetry_ns);
  if (reads_every_ns_ != kNever) return now_ns + reads_every_ns_;
  return has_more() ? now_ns : kNever;
}

// The kernel wakes nobody for a record that came before its reader had given back all others
// (Documentation/bpf/ringbuf.rst): so what has come by then is looked for afterwards.
bool RingFeed::has_more() const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return ring_.read_to() < ring_.reserved_to();
}

}  // namespace hb::intake
