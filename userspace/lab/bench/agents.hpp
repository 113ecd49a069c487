// Agents: processes that beat at a fixed rate, at different phases.
//
// The socket that they send to is set while they run, so that observers can take turns with the
// same agents. They are children of one process that ends with its owner, and end with it
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
  std::uint64_t interval_ns = kNsPerSecond;  // between beats of one agent
  std::uint64_t jitter_ns = 0;               // plus a random time up to this
  bool alternates = false;  // the status changes with every beat, so that --beats changes shows all
};

class Agents {
 public:
  // When it returns, all are connected to all `sockets` (at most Board::kSockets) and send nothing
  // yet.
  // The payload of an agent's frames is its number, from 0.
  static Result<Agents> start(const Lab& lab, const Pace& pace,
                              const std::vector<std::string>& sockets);

  void beat_to(std::size_t socket) { board_->target = static_cast<int>(socket); }
  void be_silent() { board_->target = Board::kNobody; }

  // Beats that were sent to this socket, and those that got EAGAIN.
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
