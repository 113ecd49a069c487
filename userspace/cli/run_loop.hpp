// RunLoop: waits for frames, deadlines and signals, and hands every event to the sink.
//
// Borrows everything. One thread; the only place where `run` ever sleeps.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/exit_code.hpp"
#include "cli/signals.hpp"
#include "observer/clock.hpp"
#include "observer/observer.hpp"
#include "report/event_sink.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {

class RunLoop {
 public:
  struct Config {
    BeatsShown beats = BeatsShown::All;
    bool strict_namespace = false;          // end on the first namespace conflict
    std::uint64_t end_ns = Source::kNever;  // end by itself, on the clock's time
  };

  RunLoop(Observer& observer, const Clock& clock, int socket_fd, Signals& signals, EventSink& sink,
          LineWriter& out, const Config& config);

  // Until a signal, the end of the time, or a reason to fail, which has then been logged.
  ExitCode run();

  // Reports what had come before the end, within reason.
  void finish();

 private:
  void wait();
  bool is_told_to_end();
  std::optional<ExitCode> turn();
  std::optional<ExitCode> handle(const Event& event);

  Observer& observer_;
  const Clock& clock_;
  const int socket_fd_;
  Signals& signals_;
  EventSink& sink_;
  LineWriter& out_;
  const Config config_;

  std::uint64_t socket_rests_until_ns_ = 0;  // after it failed
};

}  // namespace hb::cli
