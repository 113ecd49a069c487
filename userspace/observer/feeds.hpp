// Feeds: the sources of an observer, read in turns, a few receptions ahead of their handling.
//
// Reading ahead saves clock_gettime(2) calls, one for each batch, and lets the tracker prefetch its
// slots. A source's horizon does not account for what was read ahead, so no silence or exit is
// judged before all of that has been handled.
//
// A source that was empty within `empty_pause_ns` is not read while others have frames, as that
// would cost a system call for each of their frames.
//
// Borrows the sources. One thread. Allocates in add() only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "observer/source.hpp"

namespace hb {

class Feeds {
 public:
  static constexpr std::size_t kAhead = 16;

  explicit Feeds(std::uint64_t empty_pause_ns) : empty_pause_ns_(empty_pause_ns) {}

  void add(Source& source) { feeds_.push_back({.source = &source}); }

  // Reads up to kAhead receptions, one a turn. Only when all earlier ones have been returned by
  // next(). False: every source was then empty.
  bool read(std::uint64_t now_ns);

  // What was read and not yet returned by next().
  [[nodiscard]] std::span<const Reception> ahead() const {
    return {ahead_.data() + taken_, count_ - taken_};
  }

  // In the order of reading; null when there is no more. Valid until the next read(). The one
  // before has been handled.
  const Reception* next() {
    if (Source* source = std::exchange(in_hand_, nullptr)) source->handled();
    if (taken_ == count_) return nullptr;
    in_hand_ = sources_[taken_];
    return &ahead_[taken_++];
  }

  // Every source has been read up to here.
  [[nodiscard]] std::uint64_t horizon_ns(std::uint64_t now_ns) const;

  // When the first of them wants to be read again.
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const;

 private:
  struct Feed {
    Source* source;
    std::uint64_t empty_ns = 0;  // when it was last empty; 0: the last call returned something
    bool left_out = false;       // not read in this receive(), as it was empty just before
  };

  std::optional<Reception> receive(std::uint64_t now_ns);
  std::optional<Reception> ask(Feed& feed, std::uint64_t now_ns);

  const std::uint64_t empty_pause_ns_;
  std::vector<Feed> feeds_;
  std::size_t turn_ = 0;  // index of the next source to read
  std::array<Reception, kAhead> ahead_;
  std::array<Source*, kAhead> sources_{};  // of ahead_
  Source* in_hand_ = nullptr;              // of the reception that next() returned last
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace hb
