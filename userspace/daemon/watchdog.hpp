// Watchdog: a thread that looks after the run loop, which is one thread and may be held in a system
// call by what a stranger or a disk controls.
//
// It interrupts a step that lasts (SIGURG to the loop's thread: an empty handler, so that a call
// that can be interrupted returns EINTR), and ends the process where that does not help, or where
// the loop does not take a signal that ends it (Standstill has the rules): with a line on standard
// error and exit code 5, and nothing else: destructors might be held by the same thing.
//
// Made by the loop's thread before what it is to guard, so that it dies last; start() once, after
// privileges are dropped, which every thread has for itself. Borrows `signals`. The two threads
// share atomics alone; the watchdog's takes no lock and allocates nothing, because the loop may be
// held with any lock.
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
    Standstill::Config standstill;  // a limit of 0: there is no watchdog
    LogConfig log;
    bool may_leave_commands = false;  // recovery commands might run when it ends the process
  };

  Watchdog(const Config& config, Signals& signals);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // Called by the loop's thread. The new thread has its priority and its capabilities.
  Result<> start();

  // For the loop to tell how it gets on, whether or not anybody looks.
  [[nodiscard]] Progress& progress() { return progress_; }

  static constexpr Metric kInterrupts{"loop_interrupted_total", "interrupts",
                                      "steps of the loop that lasted, and were interrupted"};
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
  Standstill standstill_;  // of the watchdog's thread alone
  Fd over_;                // an eventfd: readable when the thread is to end
  std::thread thread_;
};

}  // namespace hb::daemon
