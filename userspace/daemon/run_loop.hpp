// RunLoop: waits for frames, deadlines and signals, and gives every event to the sink and to the
// members of the loop.
//
// Borrows everything. One thread; the only place where `run` sleeps.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/descriptors.hpp"
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

  // Requests are taken if Signals::set_requests_apart() was called before.
  RunLoop(Observer& observer, const Clock& clock, std::vector<intake::PollSource> sources,
          Signals& signals, EventSink& sink, LineWriter& out, Progress& progress,
          const Config& config);

  // Before run(). Members are called in the order in which they were added.
  void add(LoopMember& member);

  // Runs until a signal, Config::end_ns, or a failure, which has been logged.
  ExitCode run();

  // Reports what came before the end, within a bounded time.
  void finish();

 private:
  void wait();
  std::uint64_t poll_sources(std::uint64_t now_ns);
  void empty_epolls();
  void take_requests();
  void open_again();
  bool is_told_to_end();
  bool takes_ending_signal();
  bool is_over();
  std::optional<ExitCode> turn();
  std::optional<ExitCode> handle(const Event& event);
  std::optional<ExitCode> serve_readers();
  std::optional<ExitCode> end_without_reader();
  void tell(const Event& event);
  void warn_of_clock_jump();
  std::optional<ExitCode> tick();
  [[nodiscard]] std::uint64_t wake_ns() const;

  Observer& observer_;
  const Clock& clock_;
  Signals& signals_;
  EventSink& sink_;
  LineWriter& out_;
  Progress& progress_;
  const Config config_;
  std::vector<LoopMember*> members_;

  // For poll(2): ending signals, requests, room for the stream and for the log, the sources, the
  // members.
  std::vector<pollfd> polled_;
  const std::vector<intake::PollSource> sources_;
  SpareDescriptors spares_;                  // for the members' files on SIGHUP
  std::uint64_t sources_poll_after_ns_ = 0;  // after one failed
  std::array<RoomWatch, 2> rooms_;           // of the stream and of the log
};

}  // namespace hb::daemon
