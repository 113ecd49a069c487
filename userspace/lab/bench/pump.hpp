// Pump: one process that sends correct frames as fast as it can, or at a given rate, until a time
// is over or it is told to stop.
//
// Owns its process, which ends with it. One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/shared.hpp"
#include "lab/child.hpp"

namespace hb::bench {

struct Stream {
  std::uint64_t duration_ns = 0;
  double per_s = 0;   // 0: as fast as it can
  bool waits = true;  // blocks on a full queue; else frames are lost
  std::uint32_t payload = 0;
};

class Pump {
 public:
  static Result<Pump> start(const Lab& lab, const std::string& socket);

  // Begins to send; returns at once.
  void send(const Stream& stream);
  [[nodiscard]] bool is_done() const { return gauge_->done != 0; }
  // Readable when it is done.
  [[nodiscard]] int fd() const { return process_.fd(); }

  struct Sent {
    std::uint64_t frames = 0;  // that were sent
    std::uint64_t tried = 0;
    std::uint64_t took_ns = 0;

    [[nodiscard]] double per_s() const;
  };
  // Waits for its end, after send().
  Result<Sent> finish();

 private:
  struct Gauge {
    std::atomic<int> done;
  };

  Pump(Shared<Gauge> gauge, lab::Child process)
      : gauge_(std::move(gauge)), process_(std::move(process)) {}
  static Result<> serve(lab::Line& line, const std::string& socket, Gauge& gauge);

  Shared<Gauge> gauge_;
  lab::Child process_;
};

}  // namespace hb::bench
