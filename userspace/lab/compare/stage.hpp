// Stage: the environment of one attempt of a scenario: its processes send to the stage's sockets,
// and the columns read when the scenario says so.
//
// Borrows the columns. One for each attempt; one thread.
#pragma once

#include <string>

#include "base/result.hpp"
#include "lab/child.hpp"
#include "lab/compare/columns.hpp"
#include "lab/compare/conclusion.hpp"

namespace hb::compare {

class Stage {
 public:
  // `directory`: for files of the scenario.
  Stage(Columns& columns, std::string directory, int stop_fd)
      : columns_(columns), directory_(std::move(directory)), stop_fd_(stop_fd) {}

  // Starts a process and waits for its first message.
  Result<lab::Child> enter(const lab::Work& work, const lab::Place& place = {}) const;

  // Starts a process, waits for its end and reaps it. Returns its pid, which is then free.
  Result<pid_t> enter_and_leave(const lab::Work& work, const lab::Place& place = {}) const;

  // Starts a process and does not wait.
  Result<lab::Child> start(const lab::Work& work, const lab::Place& place = {}) const;

  // The columns' verdicts on the frame that was sent.
  [[nodiscard]] Conclusions judge() const { return columns_.conclude(); }

  // Discards what was sent and judged so far.
  void clear() const { columns_.begin(); }

  [[nodiscard]] Columns& columns() const { return columns_; }
  [[nodiscard]] const Sockets& sockets() const { return columns_.sockets(); }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] lab::Patience patience() const { return {stop_fd_, kDeadline_ms}; }

 private:
  static constexpr int kDeadline_ms = 30'000;  // an emulated machine is slow

  Columns& columns_;
  const std::string directory_;
  const int stop_fd_;
};

// Work of processes in many scenarios.

// Sends one beat that claims `pid`.
[[nodiscard]] Result<> beat(const Sockets& sockets, std::uint32_t pid);

// The same, then sends a message and stays alive.
[[nodiscard]] Result<> beat_and_stay(const Sockets& sockets, std::uint32_t pid, lab::Line& line);

// Sends a message, and stays alive.
[[nodiscard]] Result<> stay(lab::Line& line);

}  // namespace hb::compare
