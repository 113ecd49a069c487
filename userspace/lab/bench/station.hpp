// Station: an observer in this process that attests in one way, with its own socket: from
// recvmmsg(2), or the ring, to an event that is not written anywhere.
//
// Owns socket, program, source and observer. One thread. There are no stalls, as the threshold is
// never reached.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "kernel/stamp_program.hpp"
#include "lab/bench/way.hpp"
#include "observer/clock.hpp"
#include "observer/observer.hpp"
#include "transport/unix_listener.hpp"

namespace hb::bench {

struct StationConfig {
  std::uint64_t queue_length = 512;
  std::uint64_t max_beat_rate = 0;  // in the kernel, per process and second; 0: no limit
};

class Station {
 public:
  // Agents can send to `path` once it returns.
  static Result<std::unique_ptr<Station>> open(Way way, const std::string& path,
                                               const StationConfig& config = {});

  // Polls the observer until it returns no event. Returns the number of beats.
  std::uint64_t drain();

  // Waits as `run` does: until something comes, something is due, or `stop_fd` is readable.
  void wait(int stop_fd) const;

  [[nodiscard]] const Counters& counters() const { return observer_->counters(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Station(Way way, std::string path) : way_(way), path_(std::move(path)) {}

  Result<> open_socket(const StationConfig& config);
  Result<> open_program(const StationConfig& config);
  Result<> open_source();

  const Way way_;
  const std::string path_;
  const MonotonicClock clock_;
  kernel::Config kernel_config_;
  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Observer> observer_;
  std::uint32_t ns_inode_ = 0;
};

}  // namespace hb::bench
