// JsonSink: one JSON object a line. Unknown is null; the contracted fields come first, in a fixed
// order.
//
// Borrows the writer. One thread. Lines are formatted in a reused buffer, so a beat costs no
// allocation.
#pragma once

#include <fmt/format.h>

#include "report/event_sink.hpp"
#include "report/line_writer.hpp"

namespace hb {

class JsonSink final : public EventSink {
 public:
  explicit JsonSink(LineWriter& out) : out_(out) {}

  void ready(const Ready& observer) override;
  void write(const Event& event) override;
  void loss(const Loss& loss) override;
  void reach(const ReachChange& change) override;
  void stopped(const Totals& totals) override;

 private:
  void finish_line();

  LineWriter& out_;
  fmt::memory_buffer line_;
};

}  // namespace hb
