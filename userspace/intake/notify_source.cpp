#include "intake/notify_source.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "identity/stamped_sender.hpp"

namespace hb::intake {
namespace {

constexpr std::size_t kHeadBytes = offsetof(hb_note, text);

// Records in the ring are aligned to eight bytes, so this needs no copy.
const hb_stamp* self_beat_in(kernel::RingReader::Bytes record) {
  if (record.size() != sizeof(hb_stamp)) return nullptr;
  const auto* stamp = reinterpret_cast<const hb_stamp*>(record.data());
  return is_self_beat(*stamp) ? stamp : nullptr;
}

// Its text is as long as the record has room for.
const hb_note* note_in(kernel::RingReader::Bytes record) {
  static_assert(alignof(hb_note) <= 8);
  if (record.size() <= kHeadBytes || record.size() > sizeof(hb_note)) return nullptr;
  const auto* note = reinterpret_cast<const hb_note*>(record.data());
  const bool is_sound = note->stamp.version == HB_STAMP_VERSION &&
                        note->text_bytes == record.size() - kHeadBytes &&
                        note->sent_bytes >= note->text_bytes;
  return is_sound ? note : nullptr;
}

// A sender that passes no credentials gets its own. In another PID namespace it has no number here.
bool names_other(const hb_stamp& stamp) {
  const bool is_chosen = (stamp.flags & HB_STAMP_CREDENTIALS_CHOSEN) != 0;
  return is_chosen && stamp.cred_pid != stamp.tgid;
}

}  // namespace

NotifySource::NotifySource(kernel::StampProgram& program, std::uint64_t start_ns,
                           hb_progress* progress)
    : RingFeed(*program.notes(), progress, start_ns, kNever), program_(program) {
  if (progress == nullptr || !program_.is_adopted()) return;
  const hb_place& left = go_on();
  messages_ = left.frames;
  malformed_ = left.malformed;
}

hb_place NotifySource::place() const {
  return {program_.notes()->read_to(), messages_, malformed_, 0};
}

std::optional<Reception> NotifySource::take(kernel::RingReader::Bytes record) {
  if (const hb_stamp* beat = self_beat_in(record)) {
    return note_self_beat(beat->ktime_ns), std::nullopt;
  }
  const hb_note* note = note_in(record);
  if (note == nullptr) return ++malformed_, std::nullopt;
  ++messages_;
  const std::string_view text(reinterpret_cast<const char*>(note->text), note->text_bytes);
  Notification notification{.sender = sender_of(note->stamp),
                            .message = notify::parse(text, note->sent_bytes > note->text_bytes),
                            .names_other = names_other(note->stamp)};
  keep_status(notification.message);
  return notification;
}

// The record's memory is the kernel's again before the message has been handled.
void NotifySource::keep_status(notify::Message& message) {
  if (message.status.empty()) return;
  auto& kept = statuses_[next_status_];
  next_status_ = (next_status_ + 1) % statuses_.size();
  const std::size_t bytes = std::min(message.status.size(), kept.size());
  std::copy_n(message.status.data(), bytes, kept.data());
  message.status = {kept.data(), bytes};
}

std::optional<Reception> NotifySource::take_at_end(std::uint64_t /*now_ns*/) {
  return std::nullopt;
}

}  // namespace hb::intake
