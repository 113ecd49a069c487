// Agents: real processes that beat at a pace, each at instants of its own that do not drift.
//
// Which socket they beat to, or none, is told while they run, so that observers can take turns with
// the same agents. They are children of one process that is killed with its owner, and die with it
// (PR_SET_PDEATHSIG). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/bench/board.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/shared.hpp"
#include "lab/child.hpp"

namespace hb::bench {

struct Pace {
  std::size_t agents = 1;
  std::uint64_t interval_ns = kNsPerSecond;  // from beat to beat of one agent
  std::uint64_t jitter_ns = 0;               // up to so much more, by chance
  bool alternates = false;  // its status is never that of its last two beats, so that each is shown
};

class Agents {
 public:
  // Connected to every one of the `sockets` (at most Board::kSockets) when it returns, and silent.
  // An agent's frames carry its number, from 0, as their payload.
  static Result<Agents> start(const Lab& lab, const Pace& pace,
                              const std::vector<std::string>& sockets);

  void beat_to(std::size_t socket) { board_->target = static_cast<int>(socket); }
  void be_silent() { board_->target = Board::kNobody; }

  // Beats that the kernel took for this socket, and those that found its queue full.
  [[nodiscard]] std::uint64_t sent(std::size_t socket) const;
  [[nodiscard]] std::uint64_t refused(std::size_t socket) const;

  [[nodiscard]] Board& board() const { return *board_; }

 private:
  Agents(Shared<Board> board, lab::Child parent)
      : board_(std::move(board)), parent_(std::move(parent)) {}

  Shared<Board> board_;
  lab::Child parent_;
};

}  // namespace hb::bench
