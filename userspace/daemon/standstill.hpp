// Standstill: decides, look by look, whether the run loop stands still and what is to be done.
//
// Time is what the looker itself has slept between two looks. While the process is stopped, frozen
// or suspended nobody looks, so such time never counts against the loop.
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
  // Between two looks while the loop may be held, and for how many looks after it was: who does
  // that does it again.
  static constexpr std::uint64_t kAlert_ms = 20;
  static constexpr unsigned kAlertLooks = 250;
  // How long a loop that stands still may leave a signal that ends the program untaken.
  static constexpr std::uint64_t kHearing_ms = 2'000;

  struct Config {
    std::uint64_t limit_ms = 10'000;
    // Between two looks else. Each wakes a CPU, at some 30 us.
    std::uint64_t calm_ms = 500;
    std::uint64_t commands_ms = 0;  // how much longer the end may take while commands run
  };

  enum class Verdict : std::uint8_t {
    Fine,
    Interrupt,  // it is at one step since the look before, and not asleep: a system call may hold
                // it
    EndStuck,   // it has been for the limit
    EndDeaf,    // it was told to end and does not
  };

  explicit Standstill(const Config& config) : config_(config), next_look_ms_(config.calm_ms) {}

  // `told_to_end`: a signal that ends the program waits to be taken.
  Verdict judge(Progress::Word seen, bool told_to_end);

  [[nodiscard]] std::uint64_t next_look_ms() const { return next_look_ms_; }

  // For how long the loop has been at this step, of the time that was looked at.
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
  unsigned alert_looks_ = 0;  // that are left
};

}  // namespace hb::daemon
