// From just before send(2) in the agent until the event's line has been read from the pipe,
// including the wake-up of the reader.
#include "base/units.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/observer_process.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kTail_ns = 100 * kNsPerMs;  // for the last events

struct Post {
  Way way;
  std::string socket;
  ObserverProcess process;
};

Pace pace() {
  Pace pace;
  pace.agents = 4;
  pace.interval_ns = 10 * kNsPerMs;
  pace.jitter_ns = 10 * kNsPerMs;
  return pace;
}

Result<std::vector<Post>> start_observers(const Lab& lab) {
  std::vector<Post> posts;
  for (const Way way : {Way::Procfs, Way::KernelSocket, Way::KernelRing}) {
    const std::string socket = lab.socket(std::string("latency-") + name(way));
    auto process = ObserverProcess::start(
        lab, way, socket, {"--events", "json", "--beats", "all", "--threshold-ms", "86400000"});
    if (!process) return process.error();
    posts.push_back({way, socket, std::move(process).value()});
  }
  return posts;
}

Result<> round(const Lab& lab, Post& post, Agents& agents, std::size_t index, Findings& findings) {
  const auto take = [&](const ObserverProcess::Said& said) {
    if (said.event != "beat") return;
    const std::uint64_t sent_ns = agents.board().sent_at(said.payload, said.nonce);
    findings.add_tail(std::string("latency/") + name(post.way), "us",
                      static_cast<double>(said.read_ns - sent_ns) / kNsPerUs);
  };
  agents.beat_to(index);
  const std::uint64_t window_ns = lab.effort.pick(800, 150) * kNsPerMs;
  if (auto done = post.process.read_until(now_ns() + window_ns, take); !done) return done;
  agents.be_silent();
  return post.process.read_until(now_ns() + kTail_ns, take);
}

}  // namespace

Result<> measure_latency(const Lab& lab, Findings& findings) {
  auto posts = start_observers(lab);
  if (!posts) return posts.error();
  std::vector<std::string> sockets;
  for (const Post& post : posts.value()) sockets.push_back(post.socket);
  auto agents = Agents::start(lab, pace(), sockets);
  if (!agents) return agents.error();
  const std::uint64_t rounds = lab.effort.pick(5, 1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (std::size_t index = 0; index < posts.value().size(); ++index) {
      auto done = round(lab, posts.value()[index], agents.value(), index, findings);
      if (!done) return done;
    }
  }
  return ok();
}

}  // namespace hb::bench
