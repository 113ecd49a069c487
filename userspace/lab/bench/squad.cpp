#include "lab/bench/squad.hpp"

#include <unistd.h>

#include <cstdint>
#include <sstream>

#include "base/units.hpp"
#include "lab/bench/connection.hpp"
#include "lab/bench/time.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

constexpr std::uint64_t kHeadStart_ns = 500 * kNsPerUs;  // until all have received the order

struct Order {
  std::size_t socket = 0;
  std::size_t frames = 0;
  std::uint64_t start_ns = 0;
};

std::string as_text(const Order& order) {
  std::ostringstream text;
  text << order.socket << ' ' << order.frames << ' ' << order.start_ns;
  return text.str();
}

Result<Order> as_order(const std::string& text) {
  std::istringstream in(text);
  Order order;
  if (!(in >> order.socket >> order.frames >> order.start_ns)) {
    return Error{"not an order: " + text};
  }
  return order;
}

class Sender {
 public:
  explicit Sender(std::vector<Connection> connections) : connections_(std::move(connections)) {}

  // CPU time of all sends, in nanoseconds.
  Result<std::uint64_t> burst(const Order& order) {
    prepare(order.frames);
    const Connection& connection = connections_.at(order.socket);
    while (now_ns() < order.start_ns) {
    }
    bool all_taken = true;
    const std::uint64_t before = thread_cpu_ns();
    for (const vlp::Bytes& frame : frames_) all_taken &= connection.offer(frame);
    const std::uint64_t spent = thread_cpu_ns() - before;
    if (!all_taken) return Error{"the observer's queue had no room for a burst"};
    return spent;
  }

 private:
  void prepare(std::size_t count) {
    frames_.clear();
    const auto pid = static_cast<std::uint32_t>(::getpid());
    for (std::size_t i = 0; i < count; ++i) {
      frames_.push_back(vlp::encode({vlp::Status::Ok, pid, now_ns(), ++nonce_, 0}));
    }
  }

  std::vector<Connection> connections_;
  std::vector<vlp::Bytes> frames_;
  std::uint64_t nonce_ = 0;
};

Result<> serve(Line& line, const std::vector<std::string>& sockets) {
  auto connections = connect_all(sockets);
  if (!connections) return connections.error();
  Sender sender(std::move(connections).value());
  line.tell("ready");
  for (;;) {
    const auto heard = line.hear();
    if (!heard) return heard.error();
    const auto order = as_order(heard.value().text);
    if (!order) return order.error();
    const auto spent = sender.burst(order.value());
    if (!spent) return spent.error();
    line.tell(std::to_string(spent.value()));
  }
}

}  // namespace

Result<Squad> Squad::start(const Lab& lab, std::size_t senders,
                           const std::vector<std::string>& sockets) {
  Squad squad;
  for (std::size_t i = 0; i < senders; ++i) {
    auto child = Child::start([&](Line& line) { return serve(line, sockets); }, {}, lab.patience());
    if (!child) return child.error();
    squad.senders_.push_back(std::move(child).value());
  }
  for (const Child& sender : squad.senders_) {
    if (const auto ready = sender.hear(); !ready) return ready.error();
  }
  return squad;
}

Result<double> Squad::burst(std::size_t socket, std::size_t frames) {
  const std::string order = as_text({socket, frames, now_ns() + kHeadStart_ns});
  for (const Child& sender : senders_) sender.tell(order);
  double spent_ns = 0;
  for (const Child& sender : senders_) {
    const auto heard = sender.hear();
    if (!heard) return heard.error();
    spent_ns += std::stod(heard.value().text);
  }
  return spent_ns / static_cast<double>(frames * senders_.size());
}

}  // namespace hb::bench
