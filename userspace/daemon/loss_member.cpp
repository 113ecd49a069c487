#include "daemon/loss_member.hpp"

#include <spdlog/spdlog.h>

#include "base/units.hpp"
#include "report/line_writer.hpp"

namespace hb::daemon {
namespace {

void log(const Loss& loss) {
  const std::uint64_t span_ns = loss.observer_ns - loss.since_ns;
  spdlog::warn("lost ({}): {} within {}.{:03} s, {} in all: {}", loss.reason, loss.count,
               span_ns / kNsPerSecond, span_ns % kNsPerSecond / kNsPerMs, loss.total, loss.what);
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

// Gaps of the stream and of the log are reported there, in place of the missing lines.
void LossMember::say(const Loss& loss) const {
  if (loss.reason != LineWriter::kLogLinesLost.loss) log(loss);
  if (loss.reason != LineWriter::kEventsLost.loss) tell_(loss);
}

}  // namespace hb::daemon
