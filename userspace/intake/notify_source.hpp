// NotifySource: messages of the notify protocol, from the ring of the kernel program for them. Each
// has its sender's stamp with it, so nothing has to be paired; none is ever queued on the socket.
//
// Borrows the program, opened with Config::note_ring_bytes. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "intake/ring_feed.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/feeds.hpp"
#include "stamp.h"

namespace hb::intake {

class NotifySource final : public RingFeed {
 public:
  // `progress`: as of RingSource.
  NotifySource(kernel::StampProgram& program, std::uint64_t start_ns,
               hb_progress* progress = nullptr);

  // A longer STATUS= is cut.
  static constexpr std::size_t kStatusBytes = 128;

  // Read so far.
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  std::optional<Reception> take(kernel::RingReader::Bytes record) override;
  std::optional<Reception> take_at_end(std::uint64_t now_ns) override;
  [[nodiscard]] hb_place place() const override;
  void keep_status(notify::Message& message);

  kernel::StampProgram& program_;
  std::uint64_t messages_ = 0;
  std::uint64_t malformed_ = 0;
  // What the messages that are not handled yet refer to, by turns. One more is in hand.
  std::array<std::array<char, kStatusBytes>, Feeds::kAhead + 1> statuses_{};
  std::size_t next_status_ = 0;
};

}  // namespace hb::intake
