// The frame: its checksum, reading it and writing it.
#include <benchmark/benchmark.h>

#include <vector>

#include "vlp/crc32c.hpp"
#include "vlp/frame.hpp"

namespace hb::vlp {
namespace {

const Frame kBeat{Status::Ok, 12'345, 1'234'567'890, 100, 7};

void crc32c_of(benchmark::State& state) {
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 0x5A);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes.data());
    benchmark::DoNotOptimize(crc32c(bytes));
  }
}
BENCHMARK(crc32c_of)->Arg(28)->Arg(1024);

void decode_a_beat(benchmark::State& state) {
  Bytes bytes = encode(kBeat);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    auto decoded = decode(bytes);
    if (!std::holds_alternative<Frame>(decoded)) state.SkipWithError("not a frame");
    benchmark::DoNotOptimize(decoded);
  }
}
BENCHMARK(decode_a_beat);

void decode_garbage(benchmark::State& state) {
  Bytes bytes{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    benchmark::DoNotOptimize(decode(bytes));
  }
}
BENCHMARK(decode_garbage);

void encode_a_beat(benchmark::State& state) {
  Frame frame = kBeat;
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    benchmark::DoNotOptimize(encode(frame));
  }
}
BENCHMARK(encode_a_beat);

}  // namespace
}  // namespace hb::vlp
