// LineWriter: writes lines to a terminal, a file, a pipe or a socket whose reader may be slow or
// gone.
//
// A line is written at once, in one write(2), so that lines of several processes do not mix. If the
// reader does not read,
//   - write() blocks by default, but only until `stop_fd` becomes readable, so that the program can
//     end
//   - after never_wait() write() does not block: lines are kept in a bounded buffer, and lost when
//     it is full. While has_waiting(): poll(2) fd() for POLLOUT, then flush()
//   - after end() it blocks for a bounded time
//
// Lost lines are counted, and a line can be written in their place, see tell_gaps_with(). Once the
// buffer was full, all lines are lost until half of it is free again, so that one stall makes one
// gap.
//
// Borrows both descriptors. One thread. Expects SIGPIPE to be ignored. Allocates only in
// never_wait() and for errors.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "base/metric.hpp"
#include "base/result.hpp"
#include "report/line_buffer.hpp"
#include "report/outlet.hpp"

namespace hb {

class LineWriter {
 public:
  static constexpr int kNoStop = -1;

  // Lines that are missing at one place of the stream.
  struct Gap {
    std::uint64_t lines;
    std::uint64_t since_ns;  // when the first of them was lost, on CLOCK_MONOTONIC
  };

  explicit LineWriter(int fd, int stop_fd = kNoStop) : LineWriter(Outlet(fd), stop_fd) {}
  LineWriter(Outlet outlet, int stop_fd) : outlet_(std::move(outlet)), stop_fd_(stop_fd) {}

  // From now on write() does not block, and buffers at most `bytes`. Allocates.
  void never_wait(std::size_t bytes);

  // `line` ends with its newline. False: it was lost.
  bool write(std::string_view line);

  [[nodiscard]] bool has_waiting() const { return buffer_ && !buffer_->empty(); }
  [[nodiscard]] int fd() const { return outlet_.fd(); }
  [[nodiscard]] bool is_journal() const { return outlet_.is_journal(); }
  // Writes as much of the buffer as possible. False: nothing could be written.
  bool flush();

  // `tell` writes one line about the gap to this writer. It is called before the first line after
  // the gap, or earlier by tell_gap(); and again if its line could not be written, which does not
  // count as lost.
  void tell_gaps_with(std::function<void(const Gap&)> tell) { tell_ = std::move(tell); }
  void tell_gap();

  // The program ends: the buffer is written within kDrainMs (kLastChanceMs if nobody reads), and so
  // is each later line.
  void end();
  static constexpr int kLastChanceMs = 200;
  static constexpr int kDrainMs = 1000;

  // Nothing can be written any more: the pipe is closed, or full while the program has to end.
  [[nodiscard]] bool closed() const { return closed_; }

  // Returns each problem once.
  std::optional<Error> take_problem();

  // Lines that were lost, by what is written: the event stream or the log.
  static constexpr Metric kEventsLost{
      .name = "events_lost_total",
      .unit = "lines",
      .help =
          "lines of the event stream that were lost, as it was not read in time (--when-stdout-is-full)",
      .loss = "stdout"};
  static constexpr Metric kLogLinesLost{
      .name = "log_lines_lost_total",
      .unit = "lines",
      .help = "lines of the log that were lost, as it was not read in time",
      .loss = "stderr"};
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  bool put(std::string_view line);
  bool give(std::string_view line);
  bool keep(std::string_view line, bool is_begun);
  bool complete_torn_line();
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  bool wait_for_room(Deadline& deadline) const;
  void drain();
  void drop_waiting();
  void lose(std::uint64_t lines);
  void fail(int code);

  Outlet outlet_;
  const int stop_fd_;
  std::optional<LineBuffer> buffer_;  // after never_wait(), before end()
  std::function<void(const Gap&)> tell_;

  bool ending_ = false;
  bool closed_ = false;
  bool torn_ = false;  // the last line was cut short
  int reported_ = 0;   // errno of the last problem
  std::optional<Error> problem_;

  bool losing_ = false;  // the buffer was full: all lines are lost until the gap is told
  Gap gap_{0, 0};        // the lost lines that were not told yet
  bool telling_ = false;
  bool gap_line_lost_ = false;  // the gap's line could not be written
  std::uint64_t lost_ = 0;
};

}  // namespace hb
