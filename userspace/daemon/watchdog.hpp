// Watchdog: a thread that monitors the run loop, which may block in a system call because of
// another process or a disk.
//
// It interrupts a step that takes long (SIGURG to the loop's thread, with an empty handler, so that
// system calls return EINTR). If that does not help, or the loop does not handle an ending signal,
// it writes a line to standard error and ends the process with exit code 5, without destructors,
// which might block too. Standstill has the rules.
//
// Constructed by the loop's thread before what it monitors, so that it is destroyed last. start()
// once, after privileges are dropped, as credentials are per thread. Borrows `signals`. The threads
// share only atomics; the watchdog's thread takes no lock and allocates nothing, because the loop
// may be stuck while holding any lock.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/fd.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "daemon/log.hpp"
#include "daemon/progress.hpp"
#include "daemon/signals.hpp"
#include "daemon/standstill.hpp"

namespace hb::daemon {

class Watchdog {
 public:
  struct Config {
    Standstill::Config standstill;  // limit_ms 0: no watchdog
    LogConfig log;
    bool may_leave_commands = false;  // recovery commands may be running when it ends the process
  };

  Watchdog(const Config& config, Signals& signals);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // Called by the loop's thread. The new thread inherits its priority and capabilities.
  Result<> start();

  // Where the loop stores its current step.
  [[nodiscard]] Progress& progress() { return progress_; }

  static constexpr Metric kInterrupts{"loop_interrupted_total", "interrupts",
                                      "steps of the loop that took long and were interrupted"};
  [[nodiscard]] std::uint64_t interrupts() const {
    return interrupts_.load(std::memory_order_relaxed);
  }

 private:
  Result<> make_interruptible();
  void watch();
  bool is_over_within(std::uint64_t ms) const;
  [[nodiscard]] bool is_told_to_end() const;
  void interrupt();
  [[noreturn]] void end(Standstill::Verdict why);

  const Config config_;
  Signals& signals_;
  const pthread_t loop_;
  const pid_t loop_tid_;
  Progress progress_;
  std::atomic<std::uint64_t> interrupts_{0};
  Standstill standstill_;  // used by the watchdog's thread only
  Fd over_;                // eventfd, readable when the thread is to end
  std::thread thread_;
};

}  // namespace hb::daemon
