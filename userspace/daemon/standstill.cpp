#include "daemon/standstill.hpp"

namespace hb::daemon {
namespace {

bool is_ending(Step step) { return step == Step::AwaitingCommands || step == Step::Ending; }

bool may_wait(Step step) { return step == Step::Sleeping || step == Step::AwaitingCommands; }

}  // namespace

Standstill::Verdict Standstill::judge(Progress::Word seen, bool told_to_end) {
  const Step step = Progress::step_of(seen);
  const std::uint64_t slept_ms = next_look_ms_;
  plan_next_look(step, told_to_end);
  if (seen != last_) {
    moved(seen, told_to_end);
    return Verdict::Fine;
  }
  stands_ms_ += slept_ms;
  if (was_told_) told_ms_ += slept_ms;
  was_told_ = told_to_end && !is_ending(step);
  if (!was_told_) told_ms_ = 0;
  return verdict(step);
}

void Standstill::plan_next_look(Step step, bool told_to_end) {
  const bool is_calm = may_wait(step) && !told_to_end && alert_looks_ == 0;
  next_look_ms_ = is_calm ? config_.calm_ms : kAlert_ms;
  if (alert_looks_ > 0) --alert_looks_;
}

void Standstill::moved(Progress::Word seen, bool told_to_end) {
  last_ = seen;
  stands_ms_ = told_ms_ = 0;
  was_told_ = told_to_end && !is_ending(Progress::step_of(seen));
}

Standstill::Verdict Standstill::verdict(Step step) {
  if (told_ms_ >= kHearing_ms) return Verdict::EndUnresponsive;
  if (step == Step::Sleeping) return Verdict::Fine;
  const bool awaits_commands = step == Step::AwaitingCommands;
  const std::uint64_t limit_ms = config_.limit_ms + (awaits_commands ? config_.commands_ms : 0);
  if (stands_ms_ >= limit_ms) return Verdict::EndStuck;
  if (awaits_commands) return Verdict::Fine;
  alert_looks_ = kAlertLooks;
  return Verdict::Interrupt;
}

}  // namespace hb::daemon
