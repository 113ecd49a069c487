// Horizon: up to which instant a bounded queue has been read.
//
// If the queue is empty now, everything queued before now has been read. If it is never empty, but
// holds at most n datagrams, then all that was queued before some instant has been read once n + 1
// datagrams were taken out after that instant. So a flood that never lets the queue run empty
// cannot hide a silence.
#pragma once

#include <cstdint>

namespace hb {

class Horizon {
 public:
  Horizon(std::uint64_t start_ns, std::uint64_t queue_length)
      : horizon_ns_(start_ns), mark_ns_(start_ns), queue_length_(queue_length) {}

  // A receive call that began at `now_ns` found the queue empty.
  void empty_at(std::uint64_t now_ns) {
    horizon_ns_ = now_ns;
    restart(now_ns);
  }

  // A receive call that began at `now_ns` returned `count` datagrams.
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
