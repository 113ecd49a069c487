// SignalMeans: a signal, by a pidfd that is proven to be the process that stalled (see PidfdTable).
// Whoever has its pid by then is never hit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "observer/clock.hpp"
#include "recovery/pidfd_table.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

class SignalMeans final : public RecoveryMeans {
 public:
  SignalMeans(int signal, const Clock& clock, std::size_t capacity, std::uint64_t seed)
      : signal_(signal), pidfds_(clock, capacity, seed) {}

  Status hear(const Beat& beat) override { return pidfds_.hear(beat); }
  void forget(const Stall& stall) override { pidfds_.forget(process_of(stall)); }

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const Stall& stall) override;
  [[nodiscard]] AuditRecord intent(const Stall& stall) const override;
  RecoveryReport act(const Stall& stall, std::uint64_t now_ns) override;

 private:
  const int signal_;
  PidfdTable pidfds_;
};

}  // namespace hb
