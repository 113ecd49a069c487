// Standstill: decides, at each look, whether the run loop is stuck and what is to be done.
//
// Time is counted in sleeps of the watchdog's thread, so time in which the process is stopped,
// frozen or suspended does not count.
//
//   for (;;) { sleep next_look_ms(); judge(...) }
//
// Pure. One thread.
#pragma once

#include <cstdint>

#include "daemon/progress.hpp"

namespace hb::daemon {

class Standstill {
 public:
  // The interval of looks while the loop may be stuck, and for how many looks after it was, as that
  // is likely to happen again.
  static constexpr std::uint64_t kAlert_ms = 20;
  static constexpr unsigned kAlertLooks = 250;
  // How long a stuck loop may leave an ending signal pending.
  static constexpr std::uint64_t kHearing_ms = 2'000;

  struct Config {
    std::uint64_t limit_ms = 10'000;
    // The interval of looks otherwise. Each wakes a CPU, which costs about 30 us.
    std::uint64_t calm_ms = 500;
    std::uint64_t commands_ms = 0;  // additional limit while waiting for commands at the end
  };

  enum class Verdict : std::uint8_t {
    Fine,
    Interrupt,        // the same step as at the last look, and not Sleeping: maybe in a system call
    EndStuck,         // the same step for the limit
    EndUnresponsive,  // stuck, with an ending signal pending for kHearing_ms
  };

  explicit Standstill(const Config& config) : config_(config), next_look_ms_(config.calm_ms) {}

  // `told_to_end`: a signal that ends the program is pending.
  Verdict judge(Progress::Word seen, bool told_to_end);

  [[nodiscard]] std::uint64_t next_look_ms() const { return next_look_ms_; }

  // For how long the loop has been at this step.
  [[nodiscard]] std::uint64_t stands_ms() const { return stands_ms_; }

 private:
  void plan_next_look(Step step, bool told_to_end);
  void moved(Progress::Word seen, bool told_to_end);
  [[nodiscard]] Verdict verdict(Step step);

  const Config config_;
  Progress::Word last_ = 0;
  std::uint64_t next_look_ms_;
  std::uint64_t stands_ms_ = 0;
  std::uint64_t told_ms_ = 0;
  bool was_told_ = false;
  unsigned alert_looks_ = 0;  // remaining
};

}  // namespace hb::daemon
