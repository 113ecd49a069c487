// Frames paired with stamps: no process is named that did not write these bytes into the ring, none
// has more frames accepted than it wrote stamps, and every datagram and every stamp ends in one
// place.
#include "intake/stamped_source.hpp"

#include <deque>
#include <map>
#include <tuple>

#include "identity/stamped_sender.hpp"
#include "tests/fuzz/memory_program.hpp"

namespace hb::fuzz {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// What the fuzzer has put into the socket, in its order.
class Queue final : public Receiver {
 public:
  Result<std::size_t> receive(std::span<Datagram> batch) override {
    const std::size_t count = std::min(batch.size(), waiting_.size());
    std::copy_n(waiting_.begin(), count, batch.begin());
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  void put(const Datagram& datagram) { waiting_.push_back(datagram); }

 private:
  std::deque<Datagram> waiting_;
};

// One process that wrote these bytes.
using Writer = std::tuple<FrameBytes, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t>;

Writer writer_of(const FrameBytes& bytes, const Identity& process) {
  return {bytes, process.generation_ns, process.own_tgid, process.tgid, process.pid_ns_inode};
}

Writer writer_of(const hb_stamp& stamp) {
  FrameBytes bytes{};
  std::copy_n(stamp.frame, bytes.size(), bytes.begin());
  return {bytes, stamp.generation_ns, stamp.own_tgid, stamp.tgid, stamp.pid_ns_inode};
}

kernel::Config config_of(Input& input) {
  const auto choice = input.take<std::uint8_t>();
  return {.ring_bytes = MemoryRing::kBytes,
          .correlate_skb = (choice & 1) != 0,
          .queue_length = (choice & 2) != 0 ? 100U : 8U,
          .max_beat_rate = (choice & 4) != 0 ? 1U : 0U,  // MemoryProgram: reads no credentials
          .senders = 4};
}

class StampedSourceTarget {
 public:
  explicit StampedSourceTarget(const kernel::Config& config) : config_(config) {}

  void write(const Record& record) {
    if (!put(record) || record.is_discarded) return;
    const auto stamp = as_stamp(record);
    if (stamp && is_self_beat(*stamp)) {
      self_beat_ns_ = stamp->ktime_ns;
    } else if (stamp) {
      ++stamps_;
      ++written_[writer_of(*stamp)];
      last_ = *stamp;
    } else if (!as<hb_receipt>(record)) {
      ++malformed_;
    }
  }

  void send(const Datagram& datagram) {
    queue_.put(datagram);
    switch (datagram.kind) {
      case Datagram::Kind::Frame:
      case Datagram::Kind::NoCredentials: frames_.push_back(datagram.bytes); break;
      case Datagram::Kind::WrongLength: ++wrong_length_; break;
      case Datagram::Kind::CtrlTruncated: ++truncated_; break;
    }
  }

  // The datagram of the last stamp.
  void send_last() {
    Datagram datagram;
    std::copy_n(last_.frame, datagram.bytes.size(), datagram.bytes.begin());
    datagram.credentials = {last_.cred_pid, last_.cred_uid, last_.cred_gid};
    send(datagram);
  }

  // The receipt of the next frame that has none, as if its datagram were that of the last stamp.
  void write_receipt() {
    const hb_receipt receipt{last_.skb, receipts_++};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&receipt);
    write({{bytes, bytes + sizeof(receipt)}, false, false});
  }

  void pass_time(std::uint64_t ns) { now_ns_ += ns; }

  // False: there was nothing to say.
  bool read() {
    const auto before_ns = source_.horizon_ns();
    const auto reception = source_.next(now_ns_);
    const auto horizon_ns = source_.horizon_ns();
    require(before_ns <= horizon_ns && horizon_ns <= now_ns_,
            "the horizon never goes back, and is no later than now");
    check_counters();
    if (!reception) return false;
    if (const auto* arrival = std::get_if<Arrival>(&*reception)) take(*arrival);
    if (const auto* dropped = std::get_if<Dropped>(&*reception)) take(*dropped);
    if (const auto* cut = std::get_if<AncillaryTruncated>(&*reception)) told_ += cut->datagrams;
    return true;
  }

  void read_to_end() {
    while (shared_memory().ring.has_busy()) shared_memory().ring.commit();
    pass_time(config_.stamp_wait_ns + 1'000 * kMs);
    for (int quiet = 0; quiet < 3;) {
      quiet = read() ? 0 : quiet + 1;
      pass_time(config_.stamp_wait_ns);
    }
    check_end();
  }

 private:
  void take(const Arrival& arrival) {
    require(!frames_.empty() && arrival.bytes == frames_.front(),
            "frames arrive as they were sent");
    frames_.pop_front();
    const auto* process = std::get_if<Identity>(&arrival.attestation);
    if (process == nullptr) return;
    const auto written = written_.find(writer_of(arrival.bytes, *process));
    require(written != written_.end(), "who is named has written these bytes");
    require(written->second-- > 0, "and as often as they are accepted");
  }

  void take(const Dropped& dropped) {
    if (dropped.reason == FrameDrop::WrongLength) {
      require(wrong_length_-- > 0, "a datagram of a wrong length is told of once");
      return;
    }
    require(!frames_.empty(), "a frame that is dropped was sent");
    frames_.pop_front();
  }

  void check_counters() const {
    const auto counters = source_.counters();
    const auto& correlator = counters.correlator;
    require(correlator.stamps == correlator.matched + correlator.orphaned + counters.waiting,
            "every stamp is matched, an orphan or waits");
    require(correlator.stamps <= stamps_, "stamps are counted once");
  }

  void check_end() const {
    require(frames_.empty(), "every frame is accounted for");
    require(wrong_length_ == 0, "every datagram of a wrong length is told of");
    require(told_ == truncated_ + shared_memory().descriptors_dropped,
            "every datagram with descriptors is told of");
    const auto counters = source_.counters();
    require(counters.correlator.stamps == stamps_, "every stamp has been read");
    require(source_.self_beat_ns() == self_beat_ns_, "of self-beats the latest is known");
    require(counters.malformed == malformed_, "whatever else was in the ring is counted");
    require(program_->ring().read_to() == program_->ring().reserved_to(), "the ring is empty");
  }

  const kernel::Config config_;
  const std::unique_ptr<kernel::StampProgram> program_ =
      kernel::StampProgram::open(config_).value();
  Queue queue_;
  std::uint64_t now_ns_ = 1'000'000 * kMs;
  intake::StampedSource source_{*program_, queue_, config_, {1, 2}, now_ns_};

  std::deque<FrameBytes> frames_;            // sent, and nothing said about them yet
  std::map<Writer, std::uint64_t> written_;  // stamps that no frame has been accepted for
  hb_stamp last_{};
  std::uint64_t receipts_ = 0;
  std::uint64_t stamps_ = 0;
  std::uint64_t self_beat_ns_ = 0;
  std::uint64_t malformed_ = 0;
  std::uint64_t wrong_length_ = 0;
  std::uint64_t truncated_ = 0;
  std::uint64_t told_ = 0;
};

Datagram datagram_of(Input& input) {
  Datagram datagram;
  datagram.kind = static_cast<Datagram::Kind>(input.take<std::uint8_t>() % 4);
  datagram.bytes = input.take<FrameBytes>();
  datagram.credentials = input.take<Credentials>();
  return datagram;
}

void step(StampedSourceTarget& target, Input& input) {
  SharedMemory& memory = shared_memory();
  switch (input.take<std::uint8_t>() % 8) {
    case 0: target.write(take_record(input)); break;
    case 1: target.send(datagram_of(input)); break;
    case 2: target.send_last(); break;
    case 3: target.write_receipt(); break;
    case 4:
      if (memory.ring.has_busy()) memory.ring.commit();
      break;
    case 5: target.pass_time(input.take<std::uint16_t>() * kMs / 8); break;
    case 6: target.read(); break;
    case 7:
      memory.descriptors_dropped += input.take<std::uint8_t>();
      memory.kept_unstamped += input.take<std::uint8_t>();
  }
}

void check(Input input) {
  begin_shared_memory(input.take<std::uint16_t>());
  StampedSourceTarget target(config_of(input));
  while (!input.empty()) step(target, input);
  target.read_to_end();
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
