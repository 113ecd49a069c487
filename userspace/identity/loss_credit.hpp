// LossCredit: how many frames may lack a stamp because that many stamps are known to be lost.
//
// If the datagram of a lost stamp was not queued either, one credit remains. expire() removes it,
// so that it does not explain a missing stamp later.
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
