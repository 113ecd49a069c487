// NotifySocket: the kernel program on a notify socket of the test's own, and the ring behind it,
// read raw or as the observer reads it.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "intake/notify_intake.hpp"
#include "kernel/stamp_program.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/connected.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

inline constexpr std::size_t kNoteRingBytes = std::size_t{1} << 20;

inline kernel::Config with_notes(kernel::Config config = {}) {
  config.delivery = kernel::Delivery::Ring;
  if (config.note_ring_bytes == 0) config.note_ring_bytes = kNoteRingBytes;
  return config;
}

// A record of the ring.
struct Note {
  hb_stamp stamp{};
  std::size_t sent_bytes = 0;
  std::string text;
};

inline ssize_t say(int fd, std::string_view text) {
  return ::send(fd, text.data(), text.size(), 0);
}

class NotifySocket {
 public:
  // `is_kept`: a successor may go on.
  explicit NotifySocket(const kernel::Config& config = with_notes(), bool is_kept = false) {
    program_ = must(kernel::StampProgram::open(config));
    hb_progress* progress = is_kept ? &program_->note_progress() : nullptr;
    intake_ = must(intake::NotifyIntake::open(*program_, now_ns(), progress));
    ::chmod(directory_.path(".").c_str(), 0755);
    if (auto bound = intake_->bind(place()); !bound) {
      throw std::runtime_error(bound.error().message);
    }
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] SocketPlace place() const { return {path_, 0666, std::nullopt}; }
  [[nodiscard]] Fd connected() const { return connected_to(path_); }
  [[nodiscard]] kernel::StampProgram& program() { return *program_; }
  [[nodiscard]] intake::NotifyIntake& intake() { return *intake_; }
  [[nodiscard]] std::uint64_t drops(hb_drop reason) { return program_->counters().drops[reason]; }

  // As when the observer is killed: what it has put aside for a successor stays.
  void lose_observer() {
    intake_->leave_at_end();
    intake_.reset();
    program_.reset();
  }

  // All that were not read yet.
  std::vector<Note> notes() {
    std::vector<Note> notes;
    program_->notes()->drain([&](std::span<const std::byte> record) {
      if (record.size() != sizeof(hb_stamp)) notes.push_back(note_of(record));
    });
    return notes;
  }

  // The next one, as the observer has it.
  std::optional<Notification> next() {
    auto reception = intake_->source().next(now_ns());
    if (!reception) return std::nullopt;
    return std::get<Notification>(*reception);
  }

 private:
  template <typename T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(result).value();
  }

  static Note note_of(std::span<const std::byte> record) {
    constexpr std::size_t kHead = offsetof(hb_note, text);
    if (record.size() <= kHead) throw std::runtime_error("a record without a text");
    hb_note head{};
    std::memcpy(&head, record.data(), kHead);
    if (head.text_bytes != record.size() - kHead) throw std::runtime_error("it has another length");
    const auto* text = reinterpret_cast<const char*>(record.data() + kHead);
    return {head.stamp, head.sent_bytes, {text, head.text_bytes}};
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("notify.sock");
  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<intake::NotifyIntake> intake_;
};

}  // namespace hb::test
