#include "daemon/publish_member.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "daemon/metrics.hpp"
#include "observer/tracker.hpp"
#include "recovery/printable.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kPause_ns = 500 * kNsPerMs;
constexpr std::uint64_t kBetweenLooks_ns = 100 * kNsPerMs;
// Long enough for whoever asks once a minute.
constexpr std::uint64_t kInterest_ns = 70 * kNsPerSecond;
constexpr std::uint64_t kInterestInAgents_ns = 5 * kNsPerSecond;
// A census takes at most that part of the time, however many agents there are.
constexpr std::uint64_t kRestAfterCensus = 50;
constexpr std::uint64_t kBetweenCleanings_ns = 10 * kNsPerSecond;

// Written by the other process, which may be wrong by any amount.
bool is_recent(const std::atomic<std::uint64_t>& instant, std::uint64_t now_ns,
               std::uint64_t span_ns) {
  const std::uint64_t then_ns = instant.load(std::memory_order_relaxed);
  const std::uint64_t age_ns = now_ns > then_ns ? now_ns - then_ns : then_ns - now_ns;
  return then_ns != 0 && age_ns < span_ns;
}

// The one on top has beaten last.
template <typename Candidate>
bool beat_before(const Candidate& a, const Candidate& b) {
  return a.row.last_beat_ns < b.row.last_beat_ns;
}

template <std::size_t N>
void put_text(std::array<char, N>& to, std::string_view text) {
  to = {};
  std::copy_n(text.begin(), std::min(text.size(), N - 1), to.begin());
}

}  // namespace

PublishMember::PublishMember(Publisher& publisher, Sources sources, const std::string& run)
    : publisher_(publisher),
      board_(publisher.board()),
      sources_(std::move(sources)),
      services_(board_, random_seed()),
      layout_(all_metrics()),
      memory_(sizeof(Figures)),
      figures_(memory_.as<Figures>()),
      row_memory_(sizeof(AgentRows)),
      rows_(row_memory_.as<AgentRows>()) {
  figures_->start_ns = sources_.observer.start_ns();
  put_text(figures_->run, run);
  if (sources_.recovery == nullptr) return;
  sources_.recovery->tell_reports_to(
      [this](const RecoveryReport& report) { services_.count(report.stall, report.outcome); });
}

void PublishMember::handle(const Event& event) {
  if (const auto* beat = std::get_if<Beat>(&event)) return hear(*beat);
  if (const auto* stall = std::get_if<Stall>(&event)) hear(*stall);
}

// An event may be older than what came of it: the clock is read before the sources are.
void PublishMember::hear(const Beat& beat) {
  if (services_.count(beat)) publisher_.tell_of_cgroup();
  if (beat.sent_ns == 0) return;
  const std::uint64_t event_ns = sources_.observer.start_ns() + beat.observer_ns;
  figures_->send_to_event.add(age_ns(beat.sent_ns, event_ns));
}

void PublishMember::hear(const Stall& stall) {
  services_.count(stall);
  if (stall.cause != StallCause::Silence || stall.threshold_ns == 0) return;
  figures_->stall_lag.add(age_ns(stall.last_ns + stall.threshold_ns, stall.observer_ns));
}

void PublishMember::tick(std::uint64_t now_ns) {
  board_.turned_ns.store(now_ns, std::memory_order_relaxed);
  board_.self_beat_ns.store(sources_.reach.proven_ns(), std::memory_order_relaxed);
  board_.is_lost.store(sources_.reach.is_lost() ? 1 : 0, std::memory_order_relaxed);
  if (now_ns >= next_look_ns_) look(now_ns);
  if (publisher_.is_lost()) {
    is_counting_ = false;
    return;
  }
  if (is_counting_) return count_some(now_ns);
  if (now_ns < next_figures_ns_) return;
  next_figures_ns_ = now_ns + kPause_ns;
  const bool is_asked = is_recent(board_.asked_ns, now_ns, kInterest_ns);
  if ((is_asked || services_.wants_census()) && now_ns >= next_census_ns_) {
    begin_census(now_ns);
  } else if (is_asked) {
    write_figures(now_ns);
  }
}

// Not at each turn: it takes a system call.
void PublishMember::look(std::uint64_t now_ns) {
  next_look_ns_ = now_ns + kBetweenLooks_ns;
  publisher_.look();
  if (!publisher_.is_lost() || std::exchange(has_told_loss_, true)) return;
  spdlog::error(
      "the publisher process has ended: there are no metrics, no health and no status from now on; "
      "restart the observer to have them again. Everything else goes on");
}

void PublishMember::begin_census(std::uint64_t now_ns) {
  is_counting_ = true;
  wants_agents_ = is_recent(board_.asked_for_agents_ns, now_ns, kInterestInAgents_ns);
  census_began_ns_ = now_ns;
  next_slot_ = 0;
  shown_.clear();
  services_.begin_census();
  count_some(now_ns);
}

void PublishMember::count_some(std::uint64_t now_ns) {
  next_slot_ = sources_.observer.for_some_agents(
      next_slot_, kSlotsPerStep,
      [this](const Tracker::Stalled& agent, std::uint64_t threshold_ns, bool is_silent) {
        see(agent, threshold_ns, is_silent);
      });
  if (next_slot_ != 0) return;
  is_counting_ = false;
  services_.end_census();
  const std::uint64_t rest_ns = kRestAfterCensus * (now_ns - census_began_ns_);
  next_census_ns_ = now_ns + rest_ns;
  const bool is_asked = is_recent(board_.asked_ns, now_ns, kInterest_ns);
  if (!is_asked) next_census_ns_ = std::max(next_census_ns_, now_ns + kBetweenCleanings_ns);
  if (wants_agents_) write_agents(now_ns);
  if (is_asked) write_figures(now_ns);
}

void PublishMember::see(const Tracker::Stalled& agent, std::uint64_t threshold_ns, bool is_silent) {
  const bool has_uid = agent.generation_ns != 0;
  const auto uid = has_uid ? std::optional(agent.uid) : std::nullopt;
  if (services_.see({agent.cgroup_id, uid, agent.status, is_silent, agent.last_ns})) {
    publisher_.tell_of_cgroup();
  }
  if (!wants_agents_) return;
  show({.row = {.nonce = agent.last_nonce,
                .last_beat_ns = agent.last_ns,
                .threshold_ns = agent.is_watched ? threshold_ns : 0,
                .cgroup_id = agent.cgroup_id,
                .pid = agent.pid,
                .payload = agent.payload,
                .uid = agent.uid,
                .has_uid = static_cast<std::uint8_t>(has_uid),
                .is_silent = static_cast<std::uint8_t>(is_silent),
                .is_notify = static_cast<std::uint8_t>(agent.is_notify),
                .status = static_cast<std::uint8_t>(agent.status),
                .origin = static_cast<std::uint8_t>(agent.origin),
                .host = agent.host,
                .comm = {},
                .stalls = agent.stalls},
        .kernel_slot = agent.kernel_slot,
        .generation_ns = agent.generation_ns});
}

void PublishMember::show(const Candidate& candidate) {
  if (shown_.size() == kMaxAgentsShown) {
    if (!beat_before(candidate, shown_.front())) return;
    std::pop_heap(shown_.begin(), shown_.end(), beat_before<Candidate>);
    shown_.pop_back();
  }
  shown_.push_back(candidate);
  std::push_heap(shown_.begin(), shown_.end(), beat_before<Candidate>);
}

void PublishMember::write_agents(std::uint64_t now_ns) {
  std::sort_heap(shown_.begin(), shown_.end(), beat_before<Candidate>);
  rows_->written_ns = now_ns;
  rows_->count = shown_.size();
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const Candidate& one = shown_[i];
    rows_->rows[i] = one.row;
    rows_->rows[i].comm = sources_.observer.comm_of(one.kernel_slot, one.generation_ns);
  }
  board_.agents.write(*rows_, rows_->used_bytes());
}

void PublishMember::write_figures(std::uint64_t now_ns) {
  totals_.clear();
  sources_.count(totals_);
  layout_.put(totals_, *figures_);
  services_.write(*figures_);
  write_states();
  figures_->agents = sources_.observer.agents();
  figures_->written_ns = now_ns;
  board_.figures.write(*figures_, figures_->used_bytes());
}

void PublishMember::write_states() {
  figures_->state_count = 0;
  if (sources_.recovery == nullptr) return;
  sources_.recovery->for_each_service([this](const Services::Served& served) {
    if (figures_->state_count == figures_->states.size()) return;
    NamedState& state = figures_->states[figures_->state_count++];
    put_text(state.name, printable(served.facts.name));
    state.state = static_cast<std::uint64_t>(served.service.state());
  });
}

}  // namespace hb::daemon
