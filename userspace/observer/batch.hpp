// Batch: the datagrams of one receive() call, returned one by one, and the instant up to which the
// socket has been read.
//
// `Receiver` has Result<std::size_t> receive(std::span<Datagram>), which does not block and fills
// from the front. Borrows it. One thread. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "observer/horizon.hpp"

namespace hb {

template <typename Receiver, typename Datagram>
class Batch {
 public:
  // `horizon` is constructed with the length of the socket's queue.
  Batch(Receiver& receiver, const Horizon& horizon) : receiver_(receiver), horizon_(horizon) {}

  // The next datagram; receives more when all have been returned. Null when none is queued. Valid
  // until the next call. The Error is the receiver's.
  Result<const Datagram*> next(std::uint64_t now_ns) {
    if (next_ == count_) {
      if (auto received = receive(now_ns); !received) return received.error();
    }
    return next_ == count_ ? nullptr : &datagrams_[next_++];
  }

  [[nodiscard]] std::uint64_t horizon_ns() const { return horizon_.ns(); }

 private:
  // The last batch has been returned completely, so the horizon may move.
  Result<> receive(std::uint64_t now_ns) {
    horizon_.took(count_, received_ns_);
    next_ = 0;
    count_ = 0;
    const auto received = receiver_.receive(datagrams_);
    if (!received) return received.error();
    count_ = received.value();
    received_ns_ = now_ns;
    if (count_ == 0) horizon_.empty_at(now_ns);
    return ok();
  }

  static constexpr std::size_t kMost = 64;

  Receiver& receiver_;
  Horizon horizon_;
  std::array<Datagram, kMost> datagrams_{};
  std::size_t count_ = 0;          // received by the last call
  std::size_t next_ = 0;           // and of those, returned
  std::uint64_t received_ns_ = 0;  // when that call began
};

}  // namespace hb
