// RunLoop: waits for frames, deadlines and signals, hands every event to the sink and to the other
// members of the loop.
//
// Borrows everything. One thread; the only place where `run` ever sleeps.
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/loop_member.hpp"
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

  // `intake_fds`: become readable when the observer has something to poll.
  RunLoop(Observer& observer, const Clock& clock, const std::vector<int>& intake_fds,
          Signals& signals, EventSink& sink, LineWriter& out, const Config& config);

  // Before run(). Called in the order in which they were added.
  void add(LoopMember& member);

  // Until a signal, the end of the time, or a reason to fail, which has then been logged.
  ExitCode run();

  // Reports what had come before the end, within reason.
  void finish();

 private:
  void wait();
  bool is_told_to_end();
  std::optional<ExitCode> turn();
  std::optional<ExitCode> handle(const Event& event);
  void tell(const Event& event);
  void warn_of_clock_jump();
  void tick();
  [[nodiscard]] std::uint64_t wake_ns() const;

  Observer& observer_;
  const Clock& clock_;
  Signals& signals_;
  EventSink& sink_;
  LineWriter& out_;
  const Config config_;
  std::vector<LoopMember*> members_;

  // What poll(2) is asked about: the signals, then the members, then the intake, so that this can
  // be left out.
  std::vector<pollfd> polled_;
  std::size_t intakes_;
  std::uint64_t intake_rests_until_ns_ = 0;  // after it failed
};

}  // namespace hb::cli
