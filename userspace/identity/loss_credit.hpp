// LossCredit: how many frames may be without a stamp because that many stamps are known to be lost.
//
// A loss that turns out to have cost no frame (its datagram met a full queue) leaves credit over.
// It ends with expire(), so that a frame that comes without a stamp later is not explained by it.
#pragma once

#include <cstdint>

namespace hb {

class LossCredit {
 public:
  // `losses`: the total so far; never less than before.
  void grant(std::uint64_t losses, std::uint64_t now_ns) {
    if (losses == losses_) return;
    losses_ = losses;
    granted_ns_ = now_ns;
  }

  // Explains one frame; false: nothing is left to explain it.
  bool spend() {
    if (spent_ == losses_) return false;
    spent_++;
    return true;
  }

  // Takes back what is left if the last of it was granted at `until_ns` or earlier.
  void expire(std::uint64_t until_ns) {
    if (granted_ns_ <= until_ns) spent_ = losses_;
  }

 private:
  std::uint64_t losses_ = 0;
  std::uint64_t spent_ = 0;
  std::uint64_t granted_ns_ = 0;
};

}  // namespace hb
