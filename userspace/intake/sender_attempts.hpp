// SenderAttempts: adapts the kernel program's table of senders to AttemptWatch.
//
// Borrows the table. One thread.
#pragma once

#include "kernel/sender_table.hpp"
#include "observer/attempt_watch.hpp"

namespace hb::intake {

class SenderAttempts final : public AttemptWatch {
 public:
  explicit SenderAttempts(const kernel::SenderTable& senders) : senders_(senders) {}

  [[nodiscard]] std::optional<LastAttempt> last_attempt(std::uint32_t slot,
                                                        std::uint64_t generation_ns) const override;
  [[nodiscard]] Comm comm(std::uint32_t slot, std::uint64_t generation_ns) const override {
    return senders_.comm(slot, generation_ns);
  }
  [[nodiscard]] std::optional<std::uint64_t> fatal_since_ns(
      std::uint32_t slot, std::uint64_t generation_ns) const override;

 private:
  const kernel::SenderTable& senders_;
};

}  // namespace hb::intake
