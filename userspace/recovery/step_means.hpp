// StepMeans: signals and commands, by the step that is wanted.
#pragma once

#include <memory>

#include "base/fd.hpp"
#include "recovery/command_means.hpp"
#include "recovery/pidfd_table.hpp"
#include "recovery/recovery_means.hpp"
#include "recovery/signal_means.hpp"

namespace hb {

class StepMeans final : public RecoveryMeans {
 public:
  // At least one of the two; a step that needs the other one must not be asked for. They share
  // `pidfds`.
  [[nodiscard]] static Result<std::unique_ptr<StepMeans>> open(
      std::unique_ptr<SignalMeans> signals, std::unique_ptr<CommandMeans> commands);

  Result<> hear(const Beat& beat) override;
  void forget(const Stall& stall) override;

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const RecoveryTarget& target) override;
  [[nodiscard]] AuditRecord intent(const RecoveryTarget& target) const override;
  std::optional<RecoveryReport> act(const RecoveryTarget& target, std::uint64_t now_ns) override;

  [[nodiscard]] int fd() const override { return epoll_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const override;
  [[nodiscard]] std::size_t running() const override;
  std::optional<Ended> next(std::uint64_t now_ns) override;
  void kill_all() override;
  void policies_have_changed() override;

 private:
  StepMeans(std::unique_ptr<SignalMeans> signals, std::unique_ptr<CommandMeans> commands, Fd epoll)
      : signals_(std::move(signals)), commands_(std::move(commands)), epoll_(std::move(epoll)) {}

  [[nodiscard]] RecoveryMeans& of(const RecoveryTarget& target) const;

  const std::unique_ptr<SignalMeans> signals_;    // or nullptr
  const std::unique_ptr<CommandMeans> commands_;  // or nullptr
  const Fd epoll_;                                // of both
};

}  // namespace hb
