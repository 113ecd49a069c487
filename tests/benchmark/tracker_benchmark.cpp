// The tracker, with few agents and with many, which beat in an order of chance.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "observer/tracker.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kThreshold_ns = 2'000'000'000;
constexpr std::uint64_t kSeed = 42;

std::vector<std::uint32_t> pids_by_chance(std::size_t count) {
  std::vector<std::uint32_t> pids(count);
  for (std::size_t i = 0; i < count; ++i) pids[i] = static_cast<std::uint32_t>(i + 2);
  std::shuffle(pids.begin(), pids.end(), std::minstd_rand());
  return pids;
}

TrackedBeat beat(std::uint32_t pid, std::uint64_t nonce) {
  TrackedBeat beat{};
  beat.pid = pid;
  beat.ns_inode = 4'026'531'836;
  beat.generation_ns = 1;
  beat.nonce = nonce;
  return beat;
}

void record_all(Tracker& tracker, const std::vector<std::uint32_t>& pids) {
  for (const std::uint32_t pid : pids) tracker.record(beat(pid, 1), 1);
}

void tracker_records_a_beat(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto pids = pids_by_chance(count);
  Tracker tracker(count, kThreshold_ns, kSeed);
  record_all(tracker, pids);
  std::uint64_t nonce = 1;
  std::size_t next = 0;
  for (auto _ : state) {
    ++nonce;
    const auto outcome = tracker.record(beat(pids[next], nonce), nonce);
    if (!std::holds_alternative<Tracker::Refreshed>(outcome)) state.SkipWithError("not recorded");
    next = next + 1 == count ? 0 : next + 1;
  }
}
BENCHMARK(tracker_records_a_beat)->RangeMultiplier(10)->Range(1'000, 1'000'000);

void tracker_finds_nobody_silent(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Tracker tracker(count, kThreshold_ns, kSeed);
  record_all(tracker, pids_by_chance(count));
  std::uint64_t now_ns = 2;
  for (auto _ : state) {
    benchmark::DoNotOptimize(now_ns);
    if (tracker.expire(now_ns)) state.SkipWithError("nobody is silent");
  }
}
BENCHMARK(tracker_finds_nobody_silent)->RangeMultiplier(10)->Range(1'000, 1'000'000);

}  // namespace
}  // namespace hb
