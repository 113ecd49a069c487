// RunLoop: waits for frames, deadlines and signals, hands every event to the sink and to the other
// members of the loop.
//
// Borrows everything. One thread; the only place where `run` ever sleeps.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/exit_code.hpp"
#include "daemon/loop_member.hpp"
#include "daemon/progress.hpp"
#include "daemon/room_watch.hpp"
#include "daemon/signals.hpp"
#include "intake/poll_source.hpp"
#include "observer/clock.hpp"
#include "observer/observer.hpp"
#include "report/event_sink.hpp"
#include "report/line_writer.hpp"

namespace hb::daemon {

class RunLoop {
 public:
  struct Config {
    BeatsShown beats = BeatsShown::All;
    bool strict_namespace = false;          // end on the first namespace conflict
    bool end_when_stream_is_full = false;   // end on the first line of the stream that is lost
    std::uint64_t end_ns = Source::kNever;  // end by itself, on the clock's time
  };

  RunLoop(Observer& observer, const Clock& clock, std::vector<intake::PollSource> sources,
          Signals& signals, EventSink& sink, LineWriter& out, Progress& progress,
          const Config& config);

  // Before run(). Called in the order in which they were added. One that has files to open again
  // wants SIGHUP, which was set apart before the loop was made (Signals::set_hangup_apart).
  void add(LoopMember& member);

  // Until a signal, the end of the time, or a reason to fail, which has then been logged.
  ExitCode run();

  // Reports what had come before the end, within reason.
  void finish();

 private:
  void wait();
  std::uint64_t ask_sources(std::uint64_t now_ns);
  void empty_epolls();
  void take_hangup();
  bool is_told_to_end();
  bool takes_ending_signal();
  bool is_over();
  std::optional<ExitCode> turn();
  std::optional<ExitCode> handle(const Event& event);
  std::optional<ExitCode> serve_readers();
  std::optional<ExitCode> end_for_want_of_a_reader();
  void tell(const Event& event);
  void warn_of_clock_jump();
  void tick();
  [[nodiscard]] std::uint64_t wake_ns() const;

  Observer& observer_;
  const Clock& clock_;
  Signals& signals_;
  EventSink& sink_;
  LineWriter& out_;
  Progress& progress_;
  const Config config_;
  std::vector<LoopMember*> members_;

  // What poll(2) is asked about: the signals that end, SIGHUP, room for the stream and the log,
  // then the sources, then the members.
  std::vector<pollfd> polled_;
  const std::vector<intake::PollSource> sources_;
  std::uint64_t sources_poll_after_ns_ = 0;  // after one failed
  std::array<RoomWatch, 2> rooms_;           // of the stream and of the log
};

}  // namespace hb::daemon
