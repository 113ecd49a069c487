// LeftoverOutput: the pipes of commands that have ended and left somebody behind who may still
// write, as an init script leaves its daemon. Read and thrown away until the end of the stream:
// without a reader, the daemon would get SIGPIPE.
//
// Whoever writes without end holds nobody up: a bounded amount is read at a time, then nothing for
// kPause_ns. One thread; never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace hb {

class LeftoverOutput {
 public:
  static constexpr std::uint64_t kPause_ns = 10 * kNsPerMs;

  // `outer`, an epoll descriptor that lives as long, becomes readable when look() has work.
  [[nodiscard]] static Result<LeftoverOutput> open(int outer, std::size_t max_pipes);

  // `pipe` is non-blocking. False: there were too many, and the oldest was closed.
  [[nodiscard]] Result<bool> add(Fd pipe);

  void look(std::uint64_t now_ns);
  // When look() must be called in any case.
  [[nodiscard]] std::uint64_t wake_ns() const { return resume_ns_; }
  [[nodiscard]] bool empty() const { return pipes_.empty(); }
  [[nodiscard]] std::size_t size() const { return pipes_.size(); }

 private:
  LeftoverOutput(int outer, std::size_t max_pipes, Fd epoll);

  void set_watched(bool watched);
  void drain(int number);

  int outer_;
  std::size_t max_pipes_;
  Fd epoll_;
  std::deque<Fd> pipes_;  // oldest first
  std::uint64_t resume_ns_;
};

}  // namespace hb
