// Batch: what one look at a socket brought, handed out one by one, and up to which instant the
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
  // `horizon` knows how many datagrams the socket holds back at the most.
  Batch(Receiver& receiver, const Horizon& horizon) : receiver_(receiver), horizon_(horizon) {}

  // The next one, looking for more when all are handed out; null when none waits. Valid until the
  // next call. The Error is the receiver's.
  Result<const Datagram*> next(std::uint64_t now_ns) {
    if (next_ == count_) {
      if (auto looked = look(now_ns); !looked) return looked.error();
    }
    return next_ == count_ ? nullptr : &datagrams_[next_++];
  }

  [[nodiscard]] std::uint64_t horizon_ns() const { return horizon_.ns(); }

 private:
  // What the last look brought has all been handed out by now: only here may the horizon move.
  Result<> look(std::uint64_t now_ns) {
    horizon_.took(count_, looked_at_ns_);
    next_ = 0;
    count_ = 0;
    const auto received = receiver_.receive(datagrams_);
    if (!received) return received.error();
    count_ = received.value();
    looked_at_ns_ = now_ns;
    if (count_ == 0) horizon_.empty_at(now_ns);
    return ok();
  }

  static constexpr std::size_t kMost = 64;

  Receiver& receiver_;
  Horizon horizon_;
  std::array<Datagram, kMost> datagrams_{};
  std::size_t count_ = 0;           // received by the last look
  std::size_t next_ = 0;            // and of those, handed out
  std::uint64_t looked_at_ns_ = 0;  // when that look began
};

}  // namespace hb
