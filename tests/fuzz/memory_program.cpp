#include "tests/fuzz/memory_program.hpp"

#include <memory>

#include "identity/stamped_sender.hpp"

namespace hb::fuzz {
namespace {

template <typename T>
void take_as(Input& input, Record& record) {
  const T value = input.take<T>();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  record.bytes.assign(bytes, bytes + sizeof(T));
}

}  // namespace

SharedMemory& shared_memory() {
  static SharedMemory memory;
  return memory;
}

void begin_shared_memory(std::uint32_t ring_position) {
  shared_memory().ring.begin(ring_position);
  shared_memory().notes.begin(ring_position);
  shared_memory().kept_unstamped = 0;
  shared_memory().descriptors_dropped = 0;
}

Record take_record(Input& input) {
  const auto flags = input.take<std::uint8_t>();
  Record record{{}, (flags & 1) != 0, (flags & 2) != 0};
  switch (flags / 4 % 4) {
    case 0: take_as<hb_stamp>(input, record); break;
    case 1: take_as<hb_receipt>(input, record); break;
    case 2: take_as<hb_exit>(input, record); break;
    case 3: {
      const auto bytes = input.take_bytes(input.take<std::uint8_t>());
      record.bytes.assign(bytes.begin(), bytes.end());
    }
  }
  return record;
}

bool is_from(const Attestation& attestation, const hb_stamp& stamp) {
  const auto expected = sender_of(stamp);
  if (const auto* why = std::get_if<Unattested>(&expected)) {
    const auto* said = std::get_if<Unattested>(&attestation);
    return said != nullptr && *said == *why;
  }
  const auto* said = std::get_if<Identity>(&attestation);
  return said != nullptr && *said == std::get<Identity>(expected);
}

bool put(const Record& record) {
  return shared_memory().ring.put(record.bytes,
                                  (record.is_discarded ? BPF_RINGBUF_DISCARD_BIT : 0U) |
                                      (record.is_busy ? BPF_RINGBUF_BUSY_BIT : 0U));
}

std::optional<hb_stamp> as_stamp(const Record& record) {
  const auto stamp = as<hb_stamp>(record);
  return stamp && stamp->version == HB_STAMP_VERSION ? stamp : std::nullopt;
}

}  // namespace hb::fuzz

namespace hb::kernel {

using fuzz::shared_memory;

Result<std::unique_ptr<StampProgram>> StampProgram::open(const Config& config) {
  std::unique_ptr<StampProgram> program(new StampProgram(config));
  auto ring = RingReader::map(shared_memory().ring.fd(), config.ring_bytes);
  if (!ring) return ring.error();
  program->ring_ = std::make_unique<RingReader>(std::move(ring).value());
  if (config.note_ring_bytes > 0) {
    auto notes = RingReader::map(shared_memory().notes.fd(), config.note_ring_bytes);
    if (!notes) return notes.error();
    program->notes_ = std::make_unique<RingReader>(std::move(notes).value());
  }
  program->delivery_ = config.delivery;
  program->reads_credentials_ = config.max_beat_rate == 0;
  return program;
}

StampProgram::~StampProgram() = default;
void StampProgram::Destroy::operator()(hb_program* /*skeleton*/) const {}
void StampProgram::Unmap::operator()(void* /*globals*/) const {}

void StampProgram::begin_receiving() {}
void StampProgram::end_receiving() {}
void StampProgram::queue_too(bool /*is_on*/) {}

PairingKey StampProgram::pairing_key() const {
  if (config_.correlate_skb) return PairingKey::SocketBuffer;
  return reads_credentials_ ? PairingKey::ContentAndCredentials : PairingKey::Content;
}

hb_counters StampProgram::counters() const { return {}; }
std::uint64_t StampProgram::kept_unstamped() const { return shared_memory().kept_unstamped; }
std::uint64_t StampProgram::descriptors_dropped() const {
  return shared_memory().descriptors_dropped;
}

}  // namespace hb::kernel
