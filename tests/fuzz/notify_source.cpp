// Notify messages out of their ring: every sound record is one message of whom its stamp names, in
// its order; everything else is counted. The observer is killed at any time, and its successor goes
// on with the first message that was not handled.
#include "intake/notify_source.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "identity/stamped_sender.hpp"
#include "tests/fuzz/memory_program.hpp"

namespace hb::fuzz {
namespace {

constexpr kernel::Config kConfig{.ring_bytes = MemoryRing::kBytes,
                                 .delivery = kernel::Delivery::Ring,
                                 .note_ring_bytes = kNoteRingBytes};
constexpr std::size_t kHeadBytes = 128;  // before the text

struct Sound {
  hb_stamp stamp;
  std::string text;
  bool is_cut;
};

// A record whose head says what it has, or anything. The text is repeated, so that a short input
// makes a long one.
Record take_note(Input& input) {
  const auto flags = input.take<std::uint8_t>();
  hb_note head{};
  head.stamp = input.take<hb_stamp>();
  const std::size_t bytes = input.take<std::uint16_t>() % (HB_NOTE_BYTES + 16);
  const auto pattern = input.take_bytes(input.take<std::uint8_t>());
  head.text_bytes = static_cast<std::uint32_t>(bytes);
  head.sent_bytes = head.text_bytes + input.take<std::uint8_t>();
  if ((flags & 4) == 0) head.stamp.version = HB_STAMP_VERSION;
  if ((flags & 8) != 0) head.text_bytes ^= input.take<std::uint32_t>();
  if ((flags & 16) != 0) head.sent_bytes = input.take<std::uint32_t>();
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&head);
  Record record{{begin, begin + kHeadBytes}, (flags & 1) != 0, (flags & 2) != 0};
  for (std::size_t n = 0; n < bytes; ++n) {
    record.bytes.push_back(pattern.empty() ? 'x' : pattern[n % pattern.size()]);
  }
  return record;
}

std::optional<Sound> sound(const Record& record) {
  const std::size_t bytes = record.bytes.size();
  if (bytes <= kHeadBytes || bytes > kHeadBytes + HB_NOTE_BYTES) return std::nullopt;
  hb_note note{};
  std::memcpy(&note, record.bytes.data(), bytes);
  if (note.stamp.version != HB_STAMP_VERSION) return std::nullopt;
  if (kHeadBytes + note.text_bytes != bytes) return std::nullopt;
  if (note.sent_bytes < note.text_bytes) return std::nullopt;
  return Sound{note.stamp,
               {reinterpret_cast<const char*>(note.text), note.text_bytes},
               note.sent_bytes != note.text_bytes};
}

void require_same(const Notification& told, const Sound& written) {
  const auto meant = notify::parse(written.text, written.is_cut);
  const auto& stamp = written.stamp;
  require(is_from(told.sender, stamp), "a message is from whom its stamp says");
  require(told.message.lines == meant.lines, "and is the one that was written");
  require(told.message.status == meant.status.substr(0, intake::NotifySource::kStatusBytes),
          "its status is there until it is handled");
  const bool chosen = (stamp.flags & HB_STAMP_CREDENTIALS_CHOSEN) != 0;
  require(told.names_other == (chosen && stamp.cred_pid != stamp.tgid),
          "it names another if its credentials do");
}

class NotifySourceTarget {
 public:
  explicit NotifySourceTarget(bool is_kept) : is_kept_(is_kept) { begin(); }

  void write(const Record& record) {
    const auto flags = (record.is_discarded ? BPF_RINGBUF_DISCARD_BIT : 0U) |
                       (record.is_busy ? BPF_RINGBUF_BUSY_BIT : 0U);
    if (!shared_memory().notes.put(record.bytes, flags) || record.is_discarded) return;
    const auto stamp = as_stamp(record);
    if (stamp && is_self_beat(*stamp)) return;
    if (auto message = sound(record)) {
      written_.push_back(std::move(*message));
      ++messages_;
    } else {
      ++malformed_;
    }
  }

  // False: there was nothing to read.
  bool read() {
    if (in_hand_.size() == Feeds::kAhead) handle();
    now_ns_ += 1'000'000;
    auto reception = source_->next(now_ns_);
    require(source_->horizon_ns() <= now_ns_, "the horizon is no later than now");
    if (!reception) return false;
    require(in_hand_.size() < written_.size(), "what arrives has been written");
    in_hand_.push_back(std::get<Notification>(*reception));
    require_same(in_hand_.back(), written_[in_hand_.size() - 1]);
    if (!is_kept_) handle();
    return true;
  }

  void handle() {
    if (in_hand_.empty()) return;
    require_same(in_hand_.front(), written_.front());
    source_->handled();
    in_hand_.pop_front();
    written_.pop_front();
  }

  void kill() {
    if (!is_kept_) return;
    in_hand_.clear();
    begin();
  }

  void read_to_end() {
    while (shared_memory().notes.has_busy()) shared_memory().notes.commit();
    while (read()) {
    }
    while (!in_hand_.empty()) handle();
    require(!read(), "there is nothing more");
    require(written_.empty(), "every message has arrived");
    require(source_->messages() == messages_, "and is counted once");
    require(source_->malformed() == malformed_, "whatever else was there is counted");
    require(source_->horizon_ns() == now_ns_, "an empty ring has been read up to now");
  }

 private:
  void begin() {
    source_.reset();
    program_ = kernel::StampProgram::open(kConfig).value();
    source_.emplace(*program_, now_ns_, is_kept_ ? &progress_ : nullptr);
  }

  const bool is_kept_;
  hb_progress progress_{};
  std::uint64_t now_ns_ = 1'000'000'000;
  std::unique_ptr<kernel::StampProgram> program_;
  std::optional<intake::NotifySource> source_;
  std::deque<Sound> written_;         // that were not handled yet
  std::deque<Notification> in_hand_;  // of these, the first
  std::uint64_t messages_ = 0;
  std::uint64_t malformed_ = 0;
};

void check(Input input) {
  const bool is_kept = input.take_bit();
  begin_shared_memory(input.take<std::uint16_t>());
  NotifySourceTarget target(is_kept);
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % 6) {
      case 0: target.write(take_note(input)); break;
      case 1: target.write(take_record(input)); break;
      case 2: target.read(); break;
      case 3: target.handle(); break;
      case 4: target.kill(); break;
      case 5:
        if (shared_memory().notes.has_busy()) shared_memory().notes.commit();
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
