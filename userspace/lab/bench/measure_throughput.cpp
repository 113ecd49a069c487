// The highest rate of one sender without loss. For comparison, a loop of recvmmsg(2) on a plain
// socket.
//
// With socket delivery the sender blocks on a full queue, so nothing is lost. With ring delivery a
// send never blocks, and frames are dropped when the ring is full. So the sender first sends as
// fast as it can; if anything is lost, the highest rate without loss is found by bisection.
#include <poll.h>

#include <array>
#include <memory>

#include "base/units.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/pump.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"
#include "procfs/queue_length.hpp"

namespace hb::bench {
namespace {

constexpr int kHalvings = 5;
constexpr std::uint64_t kGrace_ns = 300 * kNsPerMs;  // for the last frames
constexpr std::uint64_t kQueueLength = 512;

// The receiver.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::uint64_t drain() = 0;  // returns the number of frames
  virtual void wait(int stop_fd) = 0;
};

class BareSink final : public Sink {
 public:
  static Result<std::unique_ptr<Sink>> open(const std::string& path) {
    QueueLength queue(kQueueLength);
    auto listener = UnixListener::open();
    queue.restore();
    if (!listener) return listener.error();
    if (auto bound = listener.value()->bind({path, 0600, std::nullopt}); !bound) {
      return bound.error();
    }
    return std::unique_ptr<Sink>(new BareSink(std::move(listener).value()));
  }

  std::uint64_t drain() override {
    std::uint64_t sum = 0;
    for (;;) {
      const auto got = listener_->receive(batch_);
      if (!got || got.value() == 0) return sum;
      sum += got.value();
    }
  }

  void wait(int stop_fd) override {
    std::array<pollfd, 2> polled{{{listener_->fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), -1);
  }

 private:
  explicit BareSink(std::unique_ptr<UnixListener> listener) : listener_(std::move(listener)) {}

  std::unique_ptr<UnixListener> listener_;
  std::array<Datagram, UnixListener::kMaxBatch> batch_{};
};

class StationSink final : public Sink {
 public:
  explicit StationSink(std::unique_ptr<Station> station) : station_(std::move(station)) {}
  static Result<std::unique_ptr<Sink>> open(Way way, const std::string& path) {
    auto station = Station::open(way, path);
    if (!station) return station.error();
    return std::unique_ptr<Sink>(new StationSink(std::move(station).value()));
  }

  std::uint64_t drain() override { return station_->drain(); }
  void wait(int stop_fd) override { station_->wait(stop_fd); }

 private:
  std::unique_ptr<Station> station_;
};

struct Flow {
  double per_s = 0;
  std::uint64_t lost = 0;
};

// Sends and receives one stream.
Result<Flow> flow(const Lab& lab, Pump& pump, Sink& sink, double per_s) {
  Stream stream;
  stream.duration_ns = lab.effort.pick(300, 60) * kNsPerMs;
  stream.per_s = per_s;
  pump.send(stream);
  std::uint64_t received = 0;
  while (!pump.is_done() && !lab.is_stopped()) {
    sink.wait(pump.fd());
    received += sink.drain();
  }
  const auto sent = pump.finish();
  if (!sent) return sent.error();
  const std::uint64_t deadline_ns = now_ns() + kGrace_ns;
  while (received < sent.value().frames && now_ns() < deadline_ns) received += sink.drain();
  return Flow{sent.value().per_s(), sent.value().frames - received};
}

Result<double> highest_without_loss(const Lab& lab, Pump& pump, Sink& sink) {
  const auto fastest = flow(lab, pump, sink, 0);
  if (!fastest) return fastest.error();
  if (fastest.value().lost == 0) return fastest.value().per_s;
  double best = 0;
  double too_fast = fastest.value().per_s;
  for (int i = 0; i < kHalvings; ++i) {
    const auto tried = flow(lab, pump, sink, (best + too_fast) / 2);
    if (!tried) return tried.error();
    (tried.value().lost == 0 ? best : too_fast) = tried.value().per_s;
  }
  return best;
}

struct Contender {
  std::string row;
  std::unique_ptr<Sink> sink;
  Pump pump;
};

Result<> add(const Lab& lab, std::vector<Contender>& contenders, const std::string& which,
             Result<std::unique_ptr<Sink>> sink) {
  if (!sink) return sink.error();
  auto pump = Pump::start(lab, lab.socket("throughput-" + which));
  if (!pump) return pump.error();
  contenders.push_back({"throughput/" + which, std::move(sink).value(), std::move(pump).value()});
  return ok();
}

Result<> add_all(const Lab& lab, std::vector<Contender>& contenders) {
  if (auto bare = add(lab, contenders, "bare", BareSink::open(lab.socket("throughput-bare")));
      !bare) {
    return bare;
  }
  for (const Way way : kWays) {
    const std::string which = name(way);
    auto sink = StationSink::open(way, lab.socket("throughput-" + which));
    if (auto added = add(lab, contenders, which, std::move(sink)); !added) return added;
  }
  return ok();
}

}  // namespace

Result<> measure_throughput(const Lab& lab, Findings& findings) {
  std::vector<Contender> contenders;
  if (auto added = add_all(lab, contenders); !added) return added;
  const std::uint64_t rounds = lab.effort.pick(7, 1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (Contender& contender : contenders) {
      const auto rate = highest_without_loss(lab, contender.pump, *contender.sink);
      if (!rate) return rate.error();
      findings.add(contender.row, "beats/s", rate.value());
      if (lab.is_stopped()) return ok();
    }
  }
  return ok();
}

}  // namespace hb::bench
