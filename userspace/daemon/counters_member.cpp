#include "daemon/counters_member.hpp"

#include "daemon/log.hpp"

namespace hb::daemon {

void CountersMember::tell_counters() {
  Totals totals;
  count_(totals);
  const std::string text = in_words(totals);
  log_if_any("counters: " + (text.empty() ? "all are 0" : text));
}

}  // namespace hb::daemon
