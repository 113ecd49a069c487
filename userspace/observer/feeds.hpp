// Feeds: the sources of an observer, read in turns, a few receptions ahead of whoever handles them.
//
// Reading ahead has two uses: one look at the clock does for all of them, and what handling them
// will need of a large table can be fetched from memory meanwhile. What was read ahead has left its
// source, and the source's horizon knows nothing of it: so nothing is judged by a horizon before
// all has been handed out.
//
// A source that was empty within `empty_rest_ns` is left out while others have something to say:
// asking it would be a system call for each of their frames.
//
// Borrows the sources. One thread. Allocates in add() only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "observer/source.hpp"

namespace hb {

class Feeds {
 public:
  static constexpr std::size_t kAhead = 16;

  explicit Feeds(std::uint64_t empty_rest_ns) : empty_rest_ns_(empty_rest_ns) {}

  void add(Source& source) { feeds_.push_back({.source = &source}); }

  // Reads up to kAhead receptions, one a turn. Only when all that was read before has been handed
  // out. False: every source was seen empty, after these.
  bool read(std::uint64_t now_ns);

  // What the last read() brought and next() has not handed out yet.
  [[nodiscard]] std::span<const Reception> ahead() const {
    return {ahead_.data() + taken_, count_ - taken_};
  }

  // In the order in which they came; null when there is no more. Valid until the next read().
  const Reception* next() { return taken_ < count_ ? &ahead_[taken_++] : nullptr; }

  // Every source has been read up to here.
  [[nodiscard]] std::uint64_t horizon_ns(std::uint64_t now_ns) const;

  // When the first of them wants to be read again.
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const;

 private:
  struct Feed {
    Source* source;
    std::uint64_t empty_ns = 0;  // when it was last seen empty, if nothing came after that
    bool left_out = false;       // of the turns that receive() is giving
  };

  std::optional<Reception> receive(std::uint64_t now_ns);
  static std::optional<Reception> ask(Feed& feed, std::uint64_t now_ns);

  const std::uint64_t empty_rest_ns_;
  std::vector<Feed> feeds_;
  std::size_t turn_ = 0;  // whose turn it is
  std::array<Reception, kAhead> ahead_;
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace hb
