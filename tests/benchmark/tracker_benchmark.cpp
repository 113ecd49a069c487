// The tracker, with few agents and with many, which beat in an order of chance, and with one
// threshold for all and with as many as there can be.
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

// Every agent gets one of so many thresholds.
void spread_thresholds(Tracker& tracker, const std::vector<std::uint32_t>& pids,
                       std::uint64_t thresholds) {
  for (const std::uint32_t pid : pids) {
    tracker.set_threshold(pid, 1, kThreshold_ns + pid % thresholds);
  }
}

void tracker_records_a_beat(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto pids = pids_by_chance(count);
  Tracker tracker(count, kThreshold_ns, kSeed);
  record_all(tracker, pids);
  spread_thresholds(tracker, pids, static_cast<std::uint64_t>(state.range(1)));
  std::uint64_t nonce = 1;
  std::size_t next = 0;
  for (auto _ : state) {
    ++nonce;
    const auto outcome = tracker.record(beat(pids[next], nonce), nonce);
    if (!std::holds_alternative<Tracker::Refreshed>(outcome)) state.SkipWithError("not recorded");
    next = next + 1 == count ? 0 : next + 1;
  }
}
BENCHMARK(tracker_records_a_beat)
    ->ArgNames({"agents", "thresholds"})
    ->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000}, {1, Thresholds::kMost}});

// As the observer does it: a look at the next deadline after some beats.
void tracker_records_beats_and_is_asked(benchmark::State& state) {
  constexpr std::uint64_t kBeatsPerLook = 16;
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto pids = pids_by_chance(count);
  Tracker tracker(count, kThreshold_ns, kSeed);
  record_all(tracker, pids);
  spread_thresholds(tracker, pids, static_cast<std::uint64_t>(state.range(1)));
  std::uint64_t nonce = 1;
  std::size_t next = 0;
  for (auto _ : state) {
    ++nonce;
    tracker.record(beat(pids[next], nonce), nonce);
    next = next + 1 == count ? 0 : next + 1;
    if (nonce % kBeatsPerLook == 0) benchmark::DoNotOptimize(tracker.next_deadline_ns());
  }
}
BENCHMARK(tracker_records_beats_and_is_asked)
    ->ArgNames({"agents", "thresholds"})
    ->ArgsProduct({{1'000, 1'000'000}, {1, Thresholds::kMost}});

void tracker_finds_nobody_silent(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto pids = pids_by_chance(count);
  Tracker tracker(count, kThreshold_ns, kSeed);
  record_all(tracker, pids);
  spread_thresholds(tracker, pids, static_cast<std::uint64_t>(state.range(1)));
  while (tracker.next_deadline_ns() <= 2) tracker.expire(2);
  std::uint64_t now_ns = 2;
  for (auto _ : state) {
    benchmark::DoNotOptimize(now_ns);
    if (tracker.expire(now_ns)) state.SkipWithError("nobody is silent");
  }
}
BENCHMARK(tracker_finds_nobody_silent)
    ->ArgNames({"agents", "thresholds"})
    ->ArgsProduct({{1'000, 1'000'000}, {1, Thresholds::kMost}});

}  // namespace
}  // namespace hb
