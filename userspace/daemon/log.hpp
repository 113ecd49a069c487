// Diagnostics: to standard error, by spdlog's default logger. Data never goes here.
#pragma once

#include "report/line_writer.hpp"

namespace hb::daemon {

struct LogConfig {
  enum class Level { Trace, Debug, Info, Warn, Error, Off };
  enum class Format { Text, Json };

  Level level = Level::Info;
  Format format = Format::Text;
};

// Before the first line. A reader of standard error that does not read never keeps the program from
// ending once `stop_fd` is readable.
void open_log(const LogConfig& config, int stop_fd = LineWriter::kNoStop);

// From now on lines wait in a buffer when standard error is not read, and nobody waits for its
// reader; lines for which it has no room are lost, which the log says in their place.
void never_wait_for_log();

// What is logged from now on waits for nobody but a moment.
void end_log();

// Standard error, for who polls it for room; nullptr before open_log().
[[nodiscard]] LineWriter* log_writer();

}  // namespace hb::daemon
