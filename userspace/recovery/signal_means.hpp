// SignalMeans: a signal, by a pidfd that is proven to be the process that stalled (see PidfdTable),
// with the authority of the user whose beats it sent (see Signaller).
//
// Whoever has its pid by then is never hit. And the process itself only if its own user could do
// so: pid and start time stay the same over an exec of a setuid program, the authority over it does
// not. What the kernel refuses to that user is CredentialsChanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "recovery/pidfd_table.hpp"
#include "recovery/recovery_means.hpp"
#include "recovery/signaller.hpp"

namespace hb {

class SignalMeans final : public RecoveryMeans {
 public:
  SignalMeans(std::unique_ptr<Signaller> signaller, std::shared_ptr<PidfdTable> pidfds)
      : signaller_(std::move(signaller)), pidfds_(std::move(pidfds)) {}

  Result<> hear(const Beat& beat) override;
  void forget(const Stall& stall) override { pidfds_->forget(process_of(stall)); }

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const RecoveryTarget& target) override;
  [[nodiscard]] AuditRecord intent(const RecoveryTarget& target) const override;
  std::optional<RecoveryReport> act(const RecoveryTarget& target, std::uint64_t now_ns) override;

  [[nodiscard]] int fd() const override { return signaller_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override { return signaller_->wake_ns(); }
  [[nodiscard]] std::size_t running() const override { return signaller_->running(); }
  std::optional<Ended> next(std::uint64_t now_ns) override;
  void kill_all() override { signaller_->give_up(); }

 private:
  const std::unique_ptr<Signaller> signaller_;
  const std::shared_ptr<PidfdTable> pidfds_;
};

}  // namespace hb
