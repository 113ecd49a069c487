#include "daemon/loss_member.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <utility>

#include "base/units.hpp"
namespace hb::daemon {
namespace {

// What a reason counts, and what to do.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kWords = {{
    {"wrong_length", "datagrams of a length that no frame has"},
    {"ring_full", "datagrams for which the stamp ring had no room (--ring-bytes)"},
    {"unreadable", "datagrams whose sender the kernel program could not read"},
    {"rate_limited", "datagrams of processes that send faster than --max-beat-rate"},
    {"share", "datagrams of users or cgroups that send more than their share (--agents-per-uid)"},
    {"no_slot",
     "datagrams of new senders, as too many processes send (--tracker-capacity, --agents-per-uid)"},
    {"descriptors", "datagrams that carried descriptors, which no agent sends"},
    {"stamp_evicted", "frames whose stamps were given up for those of others"},
    {"uid_full",
     "beats of new agents of a user or cgroup that has as many as it may "
     "(--agents-per-uid)"},
    {"tracker_full", "beats of new agents, as no more can be tracked (--tracker-capacity)"},
    {"decrypt_failed", "UDP datagrams that were not sealed with our key, or were altered"},
    {"agent_pid_mismatch", "UDP beats that claimed another process than their key is for"},
    {"replayed", "UDP beats that were not newer than what their sender had sent before"},
    {"sender_table_full", "UDP beats of new senders, as all that are known are still live"},
    {"udp_receive_buffer",
     "UDP datagrams that came faster than they were read (receive buffer full)"},
    {"unheard",
     "times that an agent was not called silent because it had tried to send and was not heard"},
    {"exits_lost", "ends of processes; silence tells instead"},
    {kStreamLoss, "lines of the event stream that nobody read in time (--when-stdout-is-full)"},
    {kExportLoss, "lines of --export-file"},
    {kLogLoss, "lines of this log"},
}};

std::string_view words_of(std::string_view reason) {
  for (const auto& [known, words] : kWords) {
    if (known == reason) return words;
  }
  return "frames";
}

void log(const Loss& loss) {
  const std::uint64_t span_ns = loss.observer_ns - loss.since_ns;
  spdlog::warn("lost ({}): {} within {}.{:03} s, {} in all: {}", loss.reason, loss.count,
               span_ns / kNsPerSecond, span_ns % kNsPerSecond / kNsPerMs, loss.total,
               words_of(loss.reason));
}

}  // namespace

void LossMember::tick(std::uint64_t now_ns) {
  if (now_ns < looked_ns_ + kPause_ns) return;
  looked_ns_ = now_ns;
  for (const Loss& loss : report_.look(totals(), now_ns)) say(loss);
}

void LossMember::finish(std::uint64_t now_ns) {
  for (const Loss& loss : report_.finish(totals(), now_ns)) say(loss);
}

const Totals& LossMember::totals() {
  totals_.clear();
  count_(totals_);
  return totals_;
}

// What is missing in the stream or in the log is told there at the place of the gap.
void LossMember::say(const Loss& loss) const {
  if (loss.reason != kLogLoss) log(loss);
  if (loss.reason != kStreamLoss) tell_(loss);
}

}  // namespace hb::daemon
