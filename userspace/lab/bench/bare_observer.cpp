#include "lab/bench/bare_observer.hpp"

#include <poll.h>

#include "lab/bench/station.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

bool is_told_to_end(const Line& line) {
  pollfd polled{line.fd(), POLLIN, 0};
  return ::poll(&polled, 1, 0) != 0;
}

Result<> observe(Line& line, const std::string& socket) {
  auto station = Station::open(Way::Raw, socket);
  if (!station) return station.error();
  line.tell("ready");
  std::uint64_t beats = 0;
  // Checks the line only if nothing was received, so as not to add system calls to busy ones.
  for (;;) {
    station.value()->wait(line.fd());
    const std::uint64_t more = station.value()->drain();
    beats += more;
    if (more == 0 && is_told_to_end(line)) break;
  }
  if (const auto order = line.hear(); !order) return order.error();
  line.tell(std::to_string(beats));
  return line.hold();
}

}  // namespace

Result<BareObserver> BareObserver::start(const Lab& lab, const std::string& socket) {
  auto process =
      Child::start([&](Line& line) { return observe(line, socket); }, {}, lab.patience());
  if (!process) return process.error();
  if (const auto ready = process.value().hear(); !ready) return ready.error();
  return BareObserver(std::move(process).value());
}

Result<std::uint64_t> BareObserver::end() {
  process_.tell("end");
  const auto beats = process_.hear();
  if (!beats) return beats.error();
  return std::stoull(beats.value().text);
}

}  // namespace hb::bench
