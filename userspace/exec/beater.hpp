// Beater: `hb-ebpf exec --beat-for`. Starts a program, and beats for it as long as it lives and its
// checks hold.
//
// A beat follows a round of checks, one after another, that have all just held; without any, the
// program lives and is not stopped. So a program that hangs, or a check that does, is followed by
// silence.
//
// The agent is this process, and the program ends with it: what the observer does to the agent, it
// does to both. The signals that end, interrupt or ask something of a process are passed on. It
// reaps what the program leaves behind, where it is pid 1.
//
// One thread. Blocks the signals that it handles.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "agent/hb_agent.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "exec/check.hpp"
#include "exec/program.hpp"

namespace hb::exec {

struct BeaterConfig {
  Argv argv;           // not empty
  std::string socket;  // the observer's
  std::chrono::milliseconds interval{500};
  std::chrono::milliseconds check_timeout{5000};
  std::vector<std::unique_ptr<Check>> checks;
};

class Beater {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Beater>> make(BeaterConfig config);
  Beater(const Beater&) = delete;
  Beater& operator=(const Beater&) = delete;

  // Starts the program; see start_program().
  [[nodiscard]] Result<> start();
  // Until the program ends: its wait status. If that is a failure that nobody has asked for by a
  // signal, a last word is said first, with the code or the signal as its payload.
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  Beater(BeaterConfig config, Fd signals);

  void wait();
  [[nodiscard]] Check* pending() const;
  [[nodiscard]] bool was_asked_for() const;
  void take_signals();
  void pass_on(int number, int origin);
  void reap();
  void take_change(pid_t pid, int status);
  void go_on();
  void begin_round();
  void begin_check();
  void end_round();
  void beat();
  void tell_delivery(const std::error_code& code);
  void tell_failure(const std::string& what);

  BeaterConfig config_;
  const Fd signals_;
  Agent agent_;
  pid_t program_ = -1;
  bool is_stopped_ = false;
  bool is_asked_to_end_ = false;
  int passed_on_ = 0;  // the last signal
  bool has_beaten_ = false;
  std::optional<int> ended_;  // its wait status

  std::optional<std::size_t> checking_;  // none: no round is under way
  Clock::time_point due_;                // the next round
  Clock::time_point deadline_;           // of the check that is asked
  std::string failure_;                  // the last round's; empty: it held
  int delivery_ = 0;                     // of the last beat: an errno, or 0
};

}  // namespace hb::exec
