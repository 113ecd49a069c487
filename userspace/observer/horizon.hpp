// Horizon: up to which instant a bounded queue has been read.
//
// Seen empty now, everything that was queued before now has been read. Never seen empty, a queue of
// at most n datagrams has still been read up to the instant since when n + 1 came out of it. So a
// flood that never lets the queue run dry cannot hide a silence.
#pragma once

#include <cstdint>

namespace hb {

class Horizon {
 public:
  Horizon(std::uint64_t start_ns, std::uint64_t queue_length)
      : horizon_ns_(start_ns), mark_ns_(start_ns), queue_length_(queue_length) {}

  // The queue was found empty by a look that began at `now_ns`.
  void empty_at(std::uint64_t now_ns) {
    horizon_ns_ = now_ns;
    restart(now_ns);
  }

  // `count` datagrams came out in a look that began at `now_ns`.
  void took(std::uint64_t count, std::uint64_t now_ns) {
    since_mark_ += count;
    if (since_mark_ <= queue_length_) return;
    horizon_ns_ = mark_ns_;
    restart(now_ns);
  }

  [[nodiscard]] std::uint64_t ns() const { return horizon_ns_; }

 private:
  void restart(std::uint64_t now_ns) {
    mark_ns_ = now_ns;
    since_mark_ = 0;
  }

  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t since_mark_ = 0;
  const std::uint64_t queue_length_;
};

}  // namespace hb
