// Lab: the environment of a measurement: directory of sockets, executable, effort, and when to
// stop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/line.hpp"

namespace hb::bench {

struct Effort {
  bool quick = false;         // only tests that everything works
  std::size_t rounds = 15;    // of alternating measurements
  std::uint64_t idle_s = 30;  // duration of the idle measurement

  [[nodiscard]] std::uint64_t pick(std::uint64_t usual, std::uint64_t hasty) const {
    return quick ? hasty : usual;
  }
};

struct Lab {
  std::string directory;   // for sockets; this process's own
  std::string executable;  // this program, to be started as an observer
  Effort effort;
  int stop_fd = -1;  // readable: stop, tidy up and return

  [[nodiscard]] std::string socket(const std::string& name) const {
    return directory + "/" + name + ".sock";
  }
  [[nodiscard]] bool is_stopped() const;
  [[nodiscard]] lab::Patience patience() const { return {stop_fd, kPatience_ms}; }

  // Sleeps; the Error says that it was interrupted.
  [[nodiscard]] Result<> rest(std::uint64_t duration_ns) const;

  static constexpr int kPatience_ms = 30'000;
};

}  // namespace hb::bench
