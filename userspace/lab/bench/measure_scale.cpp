// The cost of a beat and of a check for stalls by the number of tracked agents, from source to
// event, without system calls. Beats come from random agents, so that with many agents the caches
// miss.
#include <memory>
#include <random>

#include "base/units.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/time.hpp"
#include "observer/observer.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kNever_ns = 3'600 * kNsPerSecond;
constexpr std::uint32_t kNamespace = 4'026'531'836;
constexpr std::size_t kBatch = 1'000;

struct Size {
  std::size_t agents;
  const char* name;
};

constexpr std::array kSizes = {Size{1'000, "1e3"}, Size{10'000, "1e4"}, Size{100'000, "1e5"},
                               Size{1'000'000, "1e6"}};

std::uint32_t pid_of(std::size_t agent) {
  return static_cast<std::uint32_t>(agent) + vlp::kLowestPid;
}

Arrival beat_of(std::size_t agent, std::uint64_t nonce) {
  Identity sender;
  sender.tgid = pid_of(agent);
  sender.own_tgid = sender.tgid;
  sender.pid_ns_inode = kNamespace;
  sender.generation_ns = 1;
  return {vlp::encode({vlp::Status::Ok, sender.tgid, nonce, nonce, 0}), sender,
          BeatOrigin::KernelAttested};
}

// Returns what it was filled with.
class MemorySource final : public Source {
 public:
  void fill(std::vector<Arrival> arrivals) {
    arrivals_ = std::move(arrivals);
    next_ = 0;
  }

  std::optional<Reception> next(std::uint64_t now_ns) override {
    now_ns_ = now_ns;
    if (next_ == arrivals_.size()) return std::nullopt;
    return arrivals_[next_++];
  }
  [[nodiscard]] std::uint64_t horizon_ns() const override { return now_ns_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  std::vector<Arrival> arrivals_;
  std::size_t next_ = 0;
  std::uint64_t now_ns_ = 0;
};

// An observer that tracks so many agents.
class Crowd {
 public:
  explicit Crowd(const Size& size) : size_(size), observer_(clock_, config(size.agents)) {
    observer_.add(source_);
    for (std::size_t agent = 0; agent < size.agents; ++agent) {
      arrivals_.push_back(beat_of(agent, ++nonce_));
      if (arrivals_.size() == kBatch) handle_all();
    }
  }

  // Nanoseconds per beat of a random agent.
  double beat_ns(std::uint64_t batches) {
    std::uint64_t spent_ns = 0;
    std::uniform_int_distribution<std::size_t> any(0, size_.agents - 1);
    for (std::uint64_t i = 0; i < batches; ++i) {
      for (std::size_t beat = 0; beat < kBatch; ++beat) {
        arrivals_.push_back(beat_of(any(chance_), ++nonce_));
      }
      spent_ns += handle_all();
    }
    return static_cast<double>(spent_ns) / static_cast<double>(batches * kBatch);
  }

  // Nanoseconds per check that finds no silent agent.
  double check_ns(std::uint64_t batches) {
    std::size_t events = 0;
    const std::uint64_t before = thread_cpu_ns();
    for (std::uint64_t i = 0; i < batches * kBatch; ++i) events += observer_.poll() ? 1 : 0;
    const std::uint64_t spent = thread_cpu_ns() - before;
    return static_cast<double>(spent) / static_cast<double>(batches * kBatch + events);
  }

  [[nodiscard]] bool is_whole() const {
    return observer_.agents() == size_.agents && observer_.counters().beats == nonce_;
  }

 private:
  static Observer::Config config(std::size_t agents) {
    Observer::Config config;
    config.threshold_ns = kNever_ns;
    config.tracker_capacity = agents;
    config.policy.observer_ns_inode = kNamespace;
    return config;
  }

  std::uint64_t handle_all() {
    source_.fill(std::exchange(arrivals_, {}));
    const std::uint64_t before = thread_cpu_ns();
    while (observer_.poll()) {
    }
    return thread_cpu_ns() - before;
  }

  const Size size_;
  const MonotonicClock clock_;
  Observer observer_;
  MemorySource source_;
  std::vector<Arrival> arrivals_;
  std::minstd_rand chance_;
  std::uint64_t nonce_ = 0;
};

void measure_memory(Findings& findings) {
  const Tracker tracker(kSizes.back().agents, kNever_ns, random_seed());
  findings.add(
      "scale/bytes-per-agent", "bytes",
      static_cast<double>(tracker.reserved_bytes()) / static_cast<double>(tracker.capacity()));
}

}  // namespace

Result<> measure_scale(const Lab& lab, Findings& findings) {
  std::vector<std::unique_ptr<Crowd>> crowds;
  for (const Size& size : kSizes) {
    crowds.push_back(std::make_unique<Crowd>(size));
    if (lab.is_stopped()) return ok();
  }
  const std::uint64_t batches = lab.effort.pick(20, 2);
  for (std::size_t round = 0; round < lab.effort.rounds && !lab.is_stopped(); ++round) {
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      const std::string size = kSizes[i].name;
      findings.add("scale/beat/" + size, "ns/beat", crowds[i]->beat_ns(batches));
      findings.add("scale/stall-check/" + size, "ns/check", crowds[i]->check_ns(batches));
      if (!crowds[i]->is_whole()) return Error{"not every beat of " + size + " agents counted"};
    }
  }
  measure_memory(findings);
  return ok();
}

}  // namespace hb::bench
