// CPU time of `hb-ebpf run` per beat, at low and high rates, including wake-ups. All observers run
// all the time; the same agents send to one after the other.
#include <memory>

#include "base/units.hpp"
#include "lab/bench/account.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

struct Rate {
  std::size_t beats_per_s;
  std::size_t agents;  // enough that none reaches --max-beat-rate
  std::size_t rounds;
};

constexpr std::array kRates = {Rate{100, 20, 5}, Rate{2'000, 20, 9}, Rate{20'000, 40, 5}};

struct Post {
  Way way;
  std::string socket;
  ObserverProcess process;
};

std::string row_name(const Rate& rate, Way way) {
  return "steady/" + std::to_string(rate.beats_per_s) + "/" + name(way);
}

Result<std::vector<Post>> start_observers(const Lab& lab, const Rate& rate) {
  std::vector<Post> posts;
  for (const Way way : {Way::Procfs, Way::KernelSocket, Way::KernelRing}) {
    const std::string socket =
        lab.socket("steady-" + std::to_string(rate.beats_per_s) + "-" + name(way));
    auto process = ObserverProcess::start(lab, way, socket, quiet());
    if (!process) return process.error();
    posts.push_back({way, socket, std::move(process).value()});
  }
  return posts;
}

Result<Agents> start_agents(const Lab& lab, const Rate& rate, const std::vector<Post>& posts) {
  Pace pace;
  pace.agents = rate.agents;
  pace.interval_ns = kNsPerSecond * rate.agents / rate.beats_per_s;
  std::vector<std::string> sockets;
  for (const Post& post : posts) sockets.push_back(post.socket);
  return Agents::start(lab, pace, sockets);
}

// Microseconds of CPU time per beat in a window. It lasts for several of the observer's
// --drain-interval-ms, which is half a second where no beat is shown.
Result<double> window(const Lab& lab, Agents& agents, const Post& post, std::size_t index) {
  const std::uint64_t settle_ns = lab.effort.pick(150, 50) * kNsPerMs;
  const std::uint64_t window_ns = lab.effort.pick(1'500, 1'000) * kNsPerMs;
  agents.beat_to(index);
  if (auto rested = lab.rest(settle_ns); !rested) return rested.error();
  const std::uint64_t sent_before = agents.sent(index);
  const auto before = post.process.cpu_ns();
  if (!before) return before.error();
  if (auto rested = lab.rest(window_ns); !rested) return rested.error();
  const auto after = post.process.cpu_ns();
  if (!after) return after.error();
  const std::uint64_t sent = agents.sent(index) - sent_before;
  agents.be_silent();
  if (sent == 0) return Error{"the agents have sent nothing"};
  return static_cast<double>(after.value() - before.value()) / kNsPerUs / static_cast<double>(sent);
}

Result<> measure_rate(const Lab& lab, const Rate& rate, Findings& findings) {
  auto posts = start_observers(lab, rate);
  if (!posts) return posts.error();
  auto agents = start_agents(lab, rate, posts.value());
  if (!agents) return agents.error();
  const std::uint64_t rounds = lab.effort.pick(rate.rounds, 1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (std::size_t index = 0; index < posts.value().size(); ++index) {
      const auto cost = window(lab, agents.value(), posts.value()[index], index);
      if (!cost) return cost.error();
      findings.add(row_name(rate, posts.value()[index].way), "us/beat", cost.value());
    }
  }
  for (std::size_t index = 0; index < posts.value().size(); ++index) {
    Post& post = posts.value()[index];
    const auto account = settle(post.process, agents.value(), index);
    if (!account) return account.error();
    findings.note(row_name(rate, post.way), account.value().text());
  }
  return ok();
}

}  // namespace

Result<> measure_steady(const Lab& lab, Findings& findings) {
  for (const Rate& rate : kRates) {
    if (auto done = measure_rate(lab, rate, findings); !done) return done;
  }
  return ok();
}

}  // namespace hb::bench
