#include "lab/bench/pump.hpp"

#include <unistd.h>

#include <sstream>

#include "base/units.hpp"
#include "lab/bench/connection.hpp"
#include "lab/bench/time.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

constexpr std::uint64_t kLook = 32;  // frames between readings of the clock

class Nozzle {
 public:
  explicit Nozzle(Connection connection) : connection_(std::move(connection)) {}

  Result<Pump::Sent> send(const Stream& stream) {
    Pump::Sent sent;
    const std::uint64_t start_ns = now_ns();
    std::uint64_t now = start_ns;
    for (; now - start_ns < stream.duration_ns; now = now_ns()) {
      const double due = stream.per_s * static_cast<double>(now - start_ns) / kNsPerSecond;
      if (stream.per_s > 0 && static_cast<double>(sent.tried) > due) continue;
      for (std::uint64_t i = 0; i < kLook; ++i) {
        const vlp::Bytes frame = next_frame(stream);
        const bool taken = stream.waits ? connection_.send(frame) : connection_.offer(frame);
        if (stream.waits && !taken) return Error{"the observer is gone"};
        ++sent.tried;
        sent.frames += taken ? 1 : 0;
      }
    }
    sent.took_ns = now - start_ns;
    return sent;
  }

 private:
  vlp::Bytes next_frame(const Stream& stream) {
    ++nonce_;
    return vlp::encode({vlp::Status::Ok, pid_, nonce_, nonce_, stream.payload});
  }

  Connection connection_;
  const std::uint32_t pid_ = static_cast<std::uint32_t>(::getpid());
  std::uint64_t nonce_ = 0;
};

}  // namespace

double Pump::Sent::per_s() const {
  return static_cast<double>(frames) * kNsPerSecond / static_cast<double>(took_ns);
}

Result<> Pump::serve(Line& line, const std::string& socket, Gauge& gauge) {
  auto connection = Connection::make(socket);
  if (!connection) return connection.error();
  Nozzle nozzle(std::move(connection).value());
  line.tell("ready");
  for (;;) {
    const auto order = line.hear();
    if (!order) return order.error();
    std::istringstream words(order.value().text);
    Stream stream;
    words >> stream.duration_ns >> stream.per_s >> stream.waits >> stream.payload;
    const auto sent = nozzle.send(stream);
    if (!sent) return sent.error();
    std::ostringstream told;
    told << sent.value().frames << ' ' << sent.value().tried << ' ' << sent.value().took_ns;
    gauge.done = 1;
    line.tell(told.str());
  }
}

Result<Pump> Pump::start(const Lab& lab, const std::string& socket) {
  auto gauge = Shared<Gauge>::make();
  if (!gauge) return gauge.error();
  Gauge& shared = *gauge.value();
  auto process =
      Child::start([&](Line& line) { return serve(line, socket, shared); }, {}, lab.patience());
  if (!process) return process.error();
  if (const auto ready = process.value().hear(); !ready) return ready.error();
  return Pump(std::move(gauge).value(), std::move(process).value());
}

void Pump::send(const Stream& stream) {
  std::ostringstream order;
  order << stream.duration_ns << ' ' << stream.per_s << ' ' << stream.waits << ' '
        << stream.payload;
  gauge_->done = 0;
  process_.tell(order.str());
}

Result<Pump::Sent> Pump::finish() {
  const auto heard = process_.hear();
  if (!heard) return heard.error();
  std::istringstream words(heard.value().text);
  Sent sent;
  words >> sent.frames >> sent.tried >> sent.took_ns;
  return sent;
}

}  // namespace hb::bench
