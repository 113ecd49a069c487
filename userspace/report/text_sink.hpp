// TextSink: one aligned text line an event.
//
//   seconds since the start, the event, its pid, and further fields
//
// With colours if `colour` is set. Where the writer's lines go to the journal, each begins with the
// entry's fields (journal.hpp). Borrows the writer. One thread. Like JsonSink, keeps its buffer.
#pragma once

#include <fmt/format.h>

#include "report/event_sink.hpp"
#include "report/journal.hpp"
#include "report/line_writer.hpp"

namespace hb {

// True for a terminal, unless NO_COLOR is set (https://no-color.org).
[[nodiscard]] bool wants_colour(int fd);

class TextSink final : public EventSink {
 public:
  TextSink(LineWriter& out, bool colour) : out_(out), colour_(colour) {}

  void ready(const Ready& observer) override;
  void write(const Event& event) override;
  bool loss(const Loss& loss) override;
  void reach(const ReachChange& change) override;
  void stopped(const Totals& totals) override;

 private:
  void begin_line(const Event& event, const ServiceFacts* service);
  void begin_line(fmt::memory_buffer& line, const char* event, journal::Priority priority);
  void finish_line();

  LineWriter& out_;
  const bool colour_;
  fmt::memory_buffer line_;
};

}  // namespace hb
