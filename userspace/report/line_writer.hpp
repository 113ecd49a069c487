// LineWriter: lines to a descriptor that may be a terminal, a file or a pipe with somebody slow or
// nobody at its other end.
//
// A line is written at once, in one write(2), so that lines of several processes do not mix. What
// a reader costs who does not read depends:
//   - by default the writer waits for him, but never past the moment when `stop_fd` becomes
//     readable: a program that is to end must be able to
//   - after never_wait() lines wait, in a bounded buffer, and write() does not; when the buffer is
//     full they are lost. Then, while has_waiting(): poll(2) for room on fd(), and flush()
//   - after end() nobody is waited for but a moment
//
// Lost lines are counted. Where they are missing, one line can say so in their place: the line of
// the gap, see tell_gaps_with(). After a full buffer it comes when half of the buffer is free
// again, and until then everything is lost, so that one stall makes one gap.
//
// Borrows both descriptors. One thread. Expects SIGPIPE to be ignored. Allocates only where it says
// so, and for errors. What cannot be written is counted, and the caller is told once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

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

  explicit LineWriter(int fd, int stop_fd = kNoStop);

  // From now on at most `bytes` of lines wait, and nobody waits for a reader. Allocates.
  void never_wait(std::size_t bytes);

  // `line` ends with its newline.
  void write(std::string_view line);

  [[nodiscard]] bool has_waiting() const { return buffer_ && !buffer_->empty(); }
  [[nodiscard]] int fd() const { return outlet_.fd(); }
  // Writes what waits, as far as there is room. False: there was none.
  bool flush();

  // `tell` writes one line, here, that says what the gap is. It is called before the first line
  // after the gap, or by tell_gap() if that is possible earlier; again if its line could not be
  // written either, which does not count as lost.
  void tell_gaps_with(std::function<void(const Gap&)> tell) { tell_ = std::move(tell); }
  void tell_gap();

  // What comes now are last words: what waits gets a moment (kDrainMs; kLastChanceMs if nobody
  // reads), and each line that comes another.
  void end();
  static constexpr int kLastChanceMs = 200;
  static constexpr int kDrainMs = 1000;

  // Nobody can ever read on: the pipe is closed, or stuck while the program has to end.
  [[nodiscard]] bool closed() const { return closed_; }

  // What went wrong, once; then nothing until something else does.
  std::optional<Error> take_problem();

  // Lines that were lost, by what is written: the event stream or the log.
  static constexpr Metric kEventsLost{
      .name = "events_lost_total",
      .unit = "lines",
      .help = "lines of the event stream that nobody read in time (--when-stdout-is-full)",
      .loss = "stdout"};
  static constexpr Metric kLogLinesLost{.name = "log_lines_lost_total",
                                        .unit = "lines",
                                        .help = "lines of the log that nobody read in time",
                                        .loss = "stderr"};
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  bool put(std::string_view line);
  bool give(std::string_view line);
  bool keep(std::string_view line, bool is_begun);
  bool mend_torn_line();
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
  int reported_ = 0;   // errno of the problem that was told last
  std::optional<Error> problem_;

  bool losing_ = false;  // the buffer was full: nothing is taken before the gap is told
  Gap gap_{0, 0};        // lost and not told yet
  bool telling_ = false;
  bool tale_lost_ = false;  // the line of the gap that is being told
  std::uint64_t lost_ = 0;
};

}  // namespace hb
