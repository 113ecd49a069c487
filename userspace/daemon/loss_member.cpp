#include "daemon/loss_member.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "report/append_file.hpp"
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
  if (now_ns + kEarly_ns < wake_ns()) return;
  looked_ns_ = now_ns;
  tell_stream_again();
  for (const Loss& loss : report_.look(totals(), now_ns)) say(loss);
}

void LossMember::finish(std::uint64_t now_ns) {
  tell_stream_again();
  for (const Loss& loss : report_.finish(totals(), now_ns)) say(loss);
}

const Totals& LossMember::totals() {
  totals_.clear();
  count_(totals_);
  return totals_;
}

// Gaps of the stream, of the log and of the export file are reported there, in place of the missing
// lines.
void LossMember::say(const Loss& loss) {
  if (loss.reason != LineWriter::kLogLinesLost.loss) log(loss);
  if (loss.reason != LineWriter::kEventsLost.loss) tell_stream(loss);
  if (loss.reason != AppendFile::kLost.loss) note_(loss);
}

// Together with what is still untold for this reason.
void LossMember::tell_stream(Loss loss) {
  const auto earlier = std::find_if(untold_.begin(), untold_.end(),
                                    [&](const Loss& one) { return one.reason == loss.reason; });
  if (earlier != untold_.end()) {
    loss.count += earlier->count;
    loss.since_ns = earlier->since_ns;
    untold_.erase(earlier);
  }
  if (!tell_(loss)) untold_.push_back(loss);
}

void LossMember::tell_stream_again() {
  for (const Loss& loss : std::exchange(untold_, {})) {
    if (!tell_(loss)) untold_.push_back(loss);
  }
}

}  // namespace hb::daemon
