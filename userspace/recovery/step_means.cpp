#include "recovery/step_means.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace hb {
namespace {

Result<> watch(const Fd& epoll, const RecoveryMeans* means) {
  if (means == nullptr) return ok();
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, means->fd(), &readable) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot watch what recovery does (epoll_ctl)");
}

}  // namespace

Result<std::unique_ptr<StepMeans>> StepMeans::open(std::unique_ptr<SignalMeans> signals,
                                                   std::unique_ptr<CommandMeans> commands) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const int code = errno;
  if (!epoll) return os_error(code, "cannot watch what recovery does (epoll_create1)");
  if (auto watched = watch(epoll, signals.get()); !watched) return watched.error();
  if (auto watched = watch(epoll, commands.get()); !watched) return watched.error();
  return std::unique_ptr<StepMeans>(
      new StepMeans(std::move(signals), std::move(commands), std::move(epoll)));
}

// The table of pidfds is one: signals need it for every agent.
Result<> StepMeans::hear(const Beat& beat) {
  return signals_ ? signals_->hear(beat) : commands_->hear(beat);
}

void StepMeans::forget(const Stall& stall) {
  signals_ ? signals_->forget(stall) : commands_->forget(stall);
}

RecoveryMeans& StepMeans::of(const RecoveryTarget& target) const {
  if (target.step.signal() != nullptr) return *signals_;
  return *commands_;
}

std::optional<RecoveryRefusal> StepMeans::refusal(const RecoveryTarget& target) {
  return of(target).refusal(target);
}

AuditRecord StepMeans::intent(const RecoveryTarget& target) const {
  return of(target).intent(target);
}

std::optional<RecoveryReport> StepMeans::act(const RecoveryTarget& target, std::uint64_t now_ns) {
  return of(target).act(target, now_ns);
}

std::uint64_t StepMeans::wake_ns() const {
  return std::min(signals_ ? signals_->wake_ns() : Source::kNever,
                  commands_ ? commands_->wake_ns() : Source::kNever);
}

std::size_t StepMeans::running() const {
  return (signals_ ? signals_->running() : 0) + (commands_ ? commands_->running() : 0);
}

std::optional<RecoveryMeans::Ended> StepMeans::next(std::uint64_t now_ns) {
  auto ended = signals_ ? signals_->next(now_ns) : std::nullopt;
  if (!ended && commands_) ended = commands_->next(now_ns);
  return ended;
}

void StepMeans::kill_all() {
  if (signals_) signals_->kill_all();
  if (commands_) commands_->kill_all();
}

void StepMeans::policies_have_changed() {
  if (commands_) commands_->policies_have_changed();
}

}  // namespace hb
