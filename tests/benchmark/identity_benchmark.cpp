// From a stamp and a frame to a verdict.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "identity/correlator.hpp"
#include "identity/stamp_table.hpp"
#include "identity/verdict.hpp"

namespace hb {
namespace {

constexpr std::uint32_t kNamespace = 4'026'531'836;
constexpr StampTable::Seed kSeed = {0x9E3779B97F4A7C15, 0xD1B54A32D192ED03};
constexpr std::size_t kBatch = 64;  // what one recvmmsg(2) brings

Identity sender() {
  Identity identity;
  identity.tgid = identity.own_tgid = 12'345;
  identity.pid_ns_inode = kNamespace;
  identity.generation_ns = 77;
  return identity;
}

void verdict_on_an_honest_claim(benchmark::State& state) {
  const Policy policy{kNamespace, false};
  Attestation attestation = sender();
  std::uint32_t claim = 12'345;
  for (auto _ : state) {
    benchmark::DoNotOptimize(claim);
    benchmark::DoNotOptimize(attestation);
    benchmark::DoNotOptimize(verdict(claim, attestation, policy));
  }
}
BENCHMARK(verdict_on_an_honest_claim);

StampKey key_of(std::uint64_t number) { return StampKey{number, number * 7, 3, 4, 5, 6}; }

// So many stamps wait whose frames never came.
void stamp_table_add_and_take(benchmark::State& state) {
  const auto waiting = static_cast<std::uint64_t>(state.range(0));
  StampTable table(65'536, 16'384, kSeed);
  const Attestation attestation = sender();
  for (std::uint64_t i = 0; i < waiting; ++i) table.add(key_of(~i), attestation, i);
  std::uint64_t number = 0;
  for (auto _ : state) {
    const StampKey key = key_of(++number);
    table.add(key, attestation, number);
    if (table.take(key) == nullptr) state.SkipWithError("a stamp was lost");
  }
}
BENCHMARK(stamp_table_add_and_take)->Arg(0)->Arg(1'000)->Arg(60'000);

// The table is full of stamps of that many senders: each new one evicts.
void stamp_table_add_and_evict(benchmark::State& state) {
  constexpr std::uint64_t kCapacity = 65'536;
  const auto senders = static_cast<std::uint32_t>(state.range(0));
  StampTable table(kCapacity, 16'384, kSeed);
  Identity identity = sender();
  std::uint64_t number = 0;
  const auto add = [&] {
    identity.slot = static_cast<std::uint32_t>(++number % senders);
    return table.add(key_of(number), identity, number);
  };
  while (number < kCapacity) add();
  for (auto _ : state) {
    if (add() != 1) state.SkipWithError("nothing was evicted");
  }
}
BENCHMARK(stamp_table_add_and_evict)->Arg(1)->Arg(16'000);

struct Batch {
  std::vector<hb_stamp> stamps;
  std::vector<Datagram> frames;
};

Batch make_batch() {
  Batch batch;
  for (std::size_t i = 0; i < kBatch; ++i) {
    hb_stamp stamp{};
    stamp.version = HB_STAMP_VERSION;
    stamp.flags = HB_STAMP_CREDENTIALS;
    stamp.tgid = stamp.own_tgid = stamp.cred_pid = static_cast<std::uint32_t>(1'000 + i);
    stamp.generation_ns = 1 + i;
    Datagram frame;
    frame.credentials.pid = stamp.cred_pid;
    std::memcpy(frame.bytes.data(), &stamp.cred_pid, sizeof(stamp.cred_pid));
    std::memcpy(stamp.frame, frame.bytes.data(), frame.bytes.size());
    batch.stamps.push_back(stamp);
    batch.frames.push_back(frame);
  }
  return batch;
}

void number_frame(hb_stamp& stamp, Datagram& frame, std::uint64_t nonce) {
  std::memcpy(&frame.bytes[16], &nonce, sizeof(nonce));
  std::memcpy(&stamp.frame[16], &nonce, sizeof(nonce));
}

void correlator_pairs_a_batch(benchmark::State& state) {
  CorrelatorConfig config;
  config.seed = kSeed;
  Correlator correlator(config);
  Batch batch = make_batch();
  std::uint64_t nonce = 0;
  for (auto _ : state) {
    ++nonce;
    for (std::size_t i = 0; i < kBatch; ++i) number_frame(batch.stamps[i], batch.frames[i], nonce);
    for (const Datagram& frame : batch.frames) correlator.add_frame(frame, 0, nonce, nonce);
    for (const hb_stamp& stamp : batch.stamps) correlator.add_stamp(stamp, nonce);
    for (std::size_t i = 0; i < kBatch; ++i) {
      auto paired = correlator.next(nonce, nonce);
      if (!paired || !std::holds_alternative<Identity>(paired->sender)) {
        state.SkipWithError("a frame was not paired");
      }
      benchmark::DoNotOptimize(paired);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(correlator_pairs_a_batch);

}  // namespace
}  // namespace hb
