// JsonSink: one JSON object a line. Unknown is null; the contracted fields come first, in a fixed
// order, and `unix_ns`, `run` and `seq` last.
//
// `seq` counts the lines, also those that were lost; the notice of their loss has the number of the
// last of them.
//
// Borrows the writer. One thread. Lines are formatted in a reused buffer, so a beat costs no
// allocation.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "report/event_sink.hpp"
#include "report/line_writer.hpp"
#include "report/run_stamp.hpp"

namespace hb {

class JsonSink final : public EventSink {
 public:
  JsonSink(LineWriter& out, RunStamp stamp) : out_(out), stamp_(std::move(stamp)) {}

  void ready(const Ready& observer) override;
  void write(const Event& event) override;
  bool loss(const Loss& loss) override;
  void reach(const ReachChange& change) override;
  void stopped(const Totals& totals) override;

 private:
  bool write_line(fmt::memory_buffer& line);  // false: it was lost
  void put_end(fmt::memory_buffer& line, std::uint64_t seq) const;

  LineWriter& out_;
  const RunStamp stamp_;
  fmt::memory_buffer line_;
  std::uint64_t seq_ = 0;  // of the last line
  bool writing_ = false;   // which is being written
};

}  // namespace hb
