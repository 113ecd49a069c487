#include "recovery/service.hpp"

#include <csignal>

namespace hb {
namespace {

constexpr std::uint64_t kTerminalNonce = ~std::uint64_t{0};
constexpr unsigned kMostDoublings = 16;

bool is_stop_signal(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

std::uint64_t doubled(std::uint64_t base_ns, std::uint32_t times, std::uint64_t highest_ns) {
  return std::min(base_ns << std::min(times, kMostDoublings), highest_ns);
}

}  // namespace

DownKind down_kind(const Stall& stall) {
  if (stall.cause == StallCause::Silence) return DownKind::Silence;
  if (stall.cause == StallCause::Trigger) return DownKind::Trigger;
  // STOPPING=1 announces a wanted end, however it comes about. A last frame may be of a crash.
  if (stall.is_notify && stall.last_nonce == kTerminalNonce) return DownKind::LastWord;
  if (stall.exit.signal) {
    return is_stop_signal(*stall.exit.signal) ? DownKind::StopSignal : DownKind::Signal;
  }
  if (stall.exit.code != 0) return DownKind::Code;
  return stall.last_nonce == kTerminalNonce ? DownKind::LastWord : DownKind::Clean;
}

Service::News Service::heard(const ProcessKey& process, bool is_new, std::uint64_t now_ns) {
  DownProcess* was_down = find(process);
  if (was_down == nullptr && !is_new) return std::nullopt;
  if (was_down != nullptr) erase(was_down);
  if (is_new) note_begin(process);
  switch (state_) {
    case ServiceState::Healthy: return std::nullopt;
    case ServiceState::Settling:
    case ServiceState::Down:
    case ServiceState::GivenUp:
      if (!down_.empty()) return give_up_without_candidate();
      if (attempt_ == 0) return become_healthy(ServiceNews::RecoveredElsewhere, now_ns);
      verify(process, now_ns);
      return std::nullopt;
    case ServiceState::Recovering:
      if (!evidence_) evidence_ = process;
      return std::nullopt;
    case ServiceState::Verifying:
      if (!evidence_) verify(process, now_ns);
      return std::nullopt;
  }
  return std::nullopt;
}

// Whatever has ended is replaced by it.
void Service::note_begin(const ProcessKey& process) {
  forget_exited();
  if (is_acted_upon() && fresh_.size() < kMaxFresh) fresh_.push_back(process);
}

void Service::forget_fresh() {
  fresh_.clear();
  for (DownProcess& one : down_) one.is_fresh = false;
}

bool Service::is_acted_upon() const {
  return state_ == ServiceState::Recovering || state_ == ServiceState::Verifying;
}

Service::News Service::failed(const Stall& stall, std::uint64_t now_ns) {
  DownProcess failure{stall, down_kind(stall)};
  failure.is_fresh = std::erase(fresh_, failure.process()) != 0;
  const bool counts = rules_->recover_on.has(failure.kind);
  const bool has_exited = failure.has_exited();
  const bool is_new = find(failure.process()) == nullptr;
  note_failure(failure, counts);
  if (target_ && target_->process() == failure.process()) target_ = failure;
  const bool was_evidence = evidence_ && *evidence_ == failure.process();
  if (was_evidence) evidence_.reset();

  switch (state_) {
    case ServiceState::Healthy:
      if (down_.empty()) return std::nullopt;
      return go_down(has_exited, now_ns);
    case ServiceState::Settling:
      return down_.empty() ? become_healthy(ServiceNews::Stopped, now_ns) : std::nullopt;
    case ServiceState::GivenUp:
      if (down_.empty()) return become_healthy(ServiceNews::Stopped, now_ns);
      return counts && is_new ? go_down(has_exited, now_ns) : std::nullopt;
    case ServiceState::Down:
      if (down_.empty()) return become_healthy(ServiceNews::Stopped, now_ns);
      if (candidate() == nullptr) return give_up_without_candidate();
      // A silent process is not waited for: helpers that come and go would put it off for ever.
      if (has_exited && counts && !alone_ && attempt_ == 0 && !has_silent()) {
        become(ServiceState::Settling, now_ns + rules_->settle_ns);
      }
      return std::nullopt;
    case ServiceState::Recovering:
      if (!is_running_ && target_has_exited()) due_ns_ = std::min(due_ns_, now_ns);
      return std::nullopt;
    case ServiceState::Verifying:
      if (alone_ && !has_silent()) return become_healthy(ServiceNews::Ended, now_ns);
      if (!was_evidence) return std::nullopt;
      if (!counts && down_.empty()) return become_healthy(ServiceNews::Stopped, now_ns);
      return fail_attempt(now_ns);
  }
  return std::nullopt;
}

// What ends while it is acted upon is still down, however it ended: the attempt may have ended it.
void Service::note_failure(const DownProcess& failure, bool counts) {
  DownProcess* known = find(failure.process());
  if (known == nullptr) {
    if (counts) down_.push_back(failure);
  } else if (counts || is_acted_upon()) {
    known->stall = failure.stall;
    known->kind = failure.kind;
    known->is_fresh = known->is_fresh || failure.is_fresh;
  } else {
    erase(known);
  }
}

Service::News Service::tick(std::uint64_t now_ns) {
  if (now_ns < wake_ns()) return std::nullopt;
  switch (state_) {
    case ServiceState::Healthy: strain_ = 0; return std::nullopt;
    case ServiceState::Settling: return continue_or_give_up(std::max(now_ns, ready_ns_));
    case ServiceState::Verifying: return evidence_ ? believe(now_ns) : fail_attempt(now_ns);
    case ServiceState::Down:
    case ServiceState::Recovering:
    case ServiceState::GivenUp: return std::nullopt;
  }
  return std::nullopt;
}

std::uint64_t Service::wake_ns() const {
  if (state_ != ServiceState::Healthy) return is_running_ ? kNever : due_ns_;
  return strain_ == 0 ? kNever : since_ns_ + kCalmTimes * rules_->stable_ns;
}

const Service::DownProcess* Service::wants(std::uint64_t now_ns) const {
  if (is_running_ || now_ns < due_ns_) return nullptr;
  if (state_ == ServiceState::Recovering) return &*target_;
  return state_ == ServiceState::Down ? candidate() : nullptr;
}

// A silent process before one that has ended; nullptr: all are refused for good.
const Service::DownProcess* Service::candidate() const {
  const DownProcess* ended = nullptr;
  for (const DownProcess& one : down_) {
    if (one.is_refused_for_good) continue;
    if (!one.has_exited()) return &one;
    if (ended == nullptr) ended = &one;
  }
  return ended;
}

void Service::begun(std::uint64_t now_ns) {
  if (state_ == ServiceState::Down) {
    DownProcess& wanted = *find(wants(now_ns)->process());
    ++wanted.attempts;
    target_ = wanted;
    evidence_.reset();
    forget_fresh();
    ++attempt_;
    ++strain_;
    not_begun_ = 0;
    step_ = 0;
    become(ServiceState::Recovering, kNever);
  }
  is_running_ = true;
}

void Service::wait_longer(std::uint64_t now_ns, std::uint64_t grace_ns) {
  switch (state_) {
    case ServiceState::Settling:
    case ServiceState::Down:
      due_ns_ = std::max(due_ns_, now_ns + std::max(rules_->settle_ns, grace_ns));
      return;
    case ServiceState::Verifying:
      if (!evidence_) due_ns_ = now_ns + rules_->verify_ns;
      return;
    case ServiceState::Healthy:
    case ServiceState::Recovering:
    case ServiceState::GivenUp: return;
  }
}

// At the same instants for all services: the observer is woken for many at once.
void Service::refused(std::uint64_t now_ns) {
  due_ns_ = (now_ns / kRetry_ns + 1) * kRetry_ns;
  if (state_ != ServiceState::Down) return;
  const auto asked = down_.begin() + (candidate() - down_.data());
  std::rotate(asked, asked + 1, down_.end());
}

Service::News Service::give_up(std::uint64_t now_ns) {
  is_running_ = false;
  const DownProcess* asked = state_ == ServiceState::Recovering ? &*target_ : candidate();
  if (DownProcess* refused = find(asked->process())) refused->is_refused_for_good = true;
  if (alone_ && !has_silent()) return become_healthy(ServiceNews::Ended, now_ns);
  if (evidence_) {
    verify(*evidence_, now_ns);
    return std::nullopt;
  }
  if (down_.empty()) return become_healthy(ServiceNews::Stopped, now_ns);
  return continue_or_give_up(now_ns);
}

// The last process that could be acted upon is down no more, and others are refused for good.
Service::News Service::give_up_without_candidate() {
  if (state_ != ServiceState::Down || candidate() != nullptr) return std::nullopt;
  return continue_or_give_up(kNever);
}

Service::News Service::continue_or_give_up(std::uint64_t due_ns) {
  const bool goes_on = candidate() != nullptr;
  become(goes_on ? ServiceState::Down : ServiceState::GivenUp, goes_on ? due_ns : kNever);
  return goes_on ? std::nullopt : News(ServiceNews::GaveUp);
}

bool Service::signal_is_needed() const {
  const DownProcess* target = state_ == ServiceState::Recovering ? &*target_ : candidate();
  return target != nullptr && !target->has_exited() && is_down(target->process());
}

void Service::not_begun(std::uint64_t now_ns) {
  due_ns_ = now_ns + doubled(rules_->backoff_ns, not_begun_++, rules_->max_backoff_ns);
}

Service::News Service::skipped(std::uint64_t now_ns) {
  begun(now_ns);
  return ended(true, now_ns, now_ns);
}

Service::News Service::ended(bool was_successful, std::uint64_t now_ns, std::uint64_t next_ns) {
  is_running_ = false;
  if (step_ + 1 >= rules_->steps) return finish_attempt(was_successful, now_ns);
  ++step_;
  due_ns_ = target_has_exited() ? now_ns : next_ns;
  return std::nullopt;
}

Service::News Service::finish_attempt(bool was_successful, std::uint64_t now_ns) {
  if (evidence_) {
    verify(*evidence_, now_ns);
    return std::nullopt;
  }
  if (!was_successful) return fail_attempt(now_ns);
  if (alone_ && !has_silent()) return become_healthy(ServiceNews::Ended, now_ns);
  become(ServiceState::Verifying, now_ns + rules_->verify_ns);
  return std::nullopt;
}

void Service::reset(std::uint64_t now_ns) {
  if (state_ != ServiceState::GivenUp) return;
  attempt_ = strain_ = 0;
  for (DownProcess& one : down_) {
    one.attempts = 0;
    one.is_refused_for_good = false;
  }
  become(ServiceState::Down, now_ns);
}

void Service::become(ServiceState state, std::uint64_t due_ns) {
  state_ = state;
  due_ns_ = due_ns;
}

Service::News Service::go_down(bool may_settle, std::uint64_t now_ns) {
  since_ns_ = now_ns;
  attempt_ = 0;
  ready_ns_ = strain_ == 0 ? now_ns : now_ns + backoff_ns();
  if (may_settle && !alone_) {
    become(ServiceState::Settling, now_ns + rules_->settle_ns);
  } else {
    become(ServiceState::Down, ready_ns_);
  }
  return strain_ == 0 ? ServiceNews::WentDown : ServiceNews::Flapped;
}

Service::News Service::become_healthy(ServiceNews news, std::uint64_t now_ns) {
  down_.clear();
  target_.reset();
  evidence_.reset();
  forget_fresh();
  since_ns_ = now_ns;
  become(ServiceState::Healthy, kNever);
  return news;
}

// Others may have fallen silent meanwhile, or have ended that were started by the attempt: then it
// goes on with them. But not without end with one that stays silent although attempts succeed: its
// exit may not have been reported.
Service::News Service::believe(std::uint64_t now_ns) {
  std::erase_if(down_, [](const DownProcess& one) { return one.has_exited() && !one.is_fresh; });
  if (down_.empty()) return become_healthy(ServiceNews::Recovered, now_ns);
  for (DownProcess& one : down_) {
    if (one.attempts >= rules_->attempts) one.is_refused_for_good = true;
  }
  attempt_ = 0;
  evidence_.reset();
  return continue_or_give_up(now_ns + backoff_ns()).value_or(ServiceNews::Recovered);
}

Service::News Service::fail_attempt(std::uint64_t now_ns) {
  evidence_.reset();
  if (down_.empty()) return become_healthy(ServiceNews::Stopped, now_ns);
  if (attempt_ >= rules_->attempts) {
    become(ServiceState::GivenUp, kNever);
    return ServiceNews::GaveUp;
  }
  return continue_or_give_up(now_ns + backoff_ns()).value_or(ServiceNews::AttemptFailed);
}

void Service::verify(const ProcessKey& evidence, std::uint64_t now_ns) {
  evidence_ = evidence;
  become(ServiceState::Verifying, now_ns + rules_->stable_ns);
}

void Service::forget_exited() {
  std::erase_if(down_, [](const DownProcess& one) { return one.has_exited(); });
}

Service::DownProcess* Service::find(const ProcessKey& process) {
  const auto found = std::find_if(down_.begin(), down_.end(),
                                  [&](const DownProcess& one) { return one.process() == process; });
  return found != down_.end() ? &*found : nullptr;
}

bool Service::is_down(const ProcessKey& process) const {
  return std::any_of(down_.begin(), down_.end(),
                     [&](const DownProcess& one) { return one.process() == process; });
}

void Service::erase(DownProcess* process) { down_.erase(down_.begin() + (process - down_.data())); }

bool Service::has_silent() const {
  return std::any_of(down_.begin(), down_.end(),
                     [](const DownProcess& one) { return !one.has_exited(); });
}

bool Service::target_has_exited() const { return target_ && target_->has_exited(); }

// Up to a quarter longer, by xorshift.
std::uint64_t Service::backoff_ns() {
  jitter_ ^= jitter_ << 13;
  jitter_ ^= jitter_ >> 7;
  jitter_ ^= jitter_ << 17;
  const std::uint64_t whole_ns =
      doubled(rules_->backoff_ns, std::max(strain_, 1U) - 1, rules_->max_backoff_ns);
  return whole_ns + jitter_ % (whole_ns / 4 + 1);
}

}  // namespace hb
