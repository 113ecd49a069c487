// Frames out of the stamp ring: every stamp in it is one arrival, as it was written and in its
// order, and everything else in it is counted.
#include "intake/ring_source.hpp"

#include <deque>

#include "identity/stamped_sender.hpp"
#include "tests/fuzz/memory_program.hpp"

namespace hb::fuzz {
namespace {

constexpr kernel::Config kConfig{.ring_bytes = MemoryRing::kBytes,
                                 .delivery = kernel::Delivery::Ring};

class EmptySocket final : public Receiver {
 public:
  Result<std::size_t> receive(std::span<Datagram> /*batch*/) override { return std::size_t{0}; }
};

class RingSourceTarget {
 public:
  void write(const Record& record) {
    if (!put(record) || record.is_discarded) return;
    const auto stamp = as_stamp(record);
    if (stamp && is_self_beat(*stamp)) return void(self_beat_ns_ = stamp->ktime_ns);
    stamp ? stamps_.push_back(*stamp) : void(malformed_++);
  }

  // False: there was nothing to read.
  bool read() {
    now_ns_ += 1'000'000;
    const auto reception = source_.next(now_ns_);
    require(source_.horizon_ns() <= now_ns_, "the horizon is no later than now");
    if (!reception) return false;
    if (const auto* truncated = std::get_if<AncillaryTruncated>(&*reception)) {
      told_descriptors_ += truncated->datagrams;
      return true;
    }
    check(std::get<Arrival>(*reception));
    return true;
  }

  void read_to_end() {
    while (shared_memory().ring.has_busy()) shared_memory().ring.commit();
    now_ns_ += 1'000'000'000;
    while (read()) {
    }
    require(stamps_.empty(), "every stamp has arrived");
    require(source_.self_beat_ns() == self_beat_ns_, "of self-beats the latest is known");
    require(source_.counters().malformed == malformed_, "whatever else was there is counted");
    require(source_.horizon_ns() == now_ns_, "an empty ring has been read up to now");
    require(told_descriptors_ == shared_memory().descriptors_dropped,
            "all datagrams that were dropped for their descriptors have been told of");
  }

 private:
  void check(const Arrival& arrival) {
    require(!stamps_.empty(), "what arrives has been written");
    const hb_stamp& stamp = stamps_.front();
    require(std::equal(arrival.bytes.begin(), arrival.bytes.end(), stamp.frame),
            "a frame is that of its stamp");
    require(is_from(arrival.attestation, stamp), "and from whom its stamp says");
    stamps_.pop_front();
  }

  const std::unique_ptr<kernel::StampProgram> program_ =
      kernel::StampProgram::open(kConfig).value();
  EmptySocket socket_;
  std::uint64_t now_ns_ = 1'000'000'000;
  intake::RingSource source_{*program_, socket_, kConfig, now_ns_};
  std::deque<hb_stamp> stamps_;  // that have not arrived yet
  std::uint64_t malformed_ = 0;
  std::uint64_t self_beat_ns_ = 0;
  std::uint64_t told_descriptors_ = 0;
};

void check(Input input) {
  begin_shared_memory(input.take<std::uint16_t>());
  SharedMemory& memory = shared_memory();
  RingSourceTarget target;
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % 4) {
      case 0: target.write(take_record(input)); break;
      case 1: target.read(); break;
      case 2:
        if (memory.ring.has_busy()) memory.ring.commit();
        break;
      case 3:
        memory.descriptors_dropped += input.take<std::uint8_t>();
        memory.kept_unstamped += input.take<std::uint8_t>();
    }
  }
  target.read_to_end();
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
