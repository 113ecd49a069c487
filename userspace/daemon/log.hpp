// Diagnostics, to standard error, by spdlog's default logger.
#pragma once

#include <string>

#include "report/line_writer.hpp"

namespace hb::daemon {

struct LogConfig {
  enum class Level { Trace, Debug, Info, Warn, Error, Off };
  enum class Format { Text, Json };

  Level level = Level::Info;
  Format format = Format::Text;
  // For the journal, which takes "<3>" at the beginning of a line for its priority (sd-daemon(3)).
  bool has_priorities = false;
};

// Call before the first log line. Writing blocks on the reader of standard error, but only until
// `stop_fd` is readable.
void open_log(const LogConfig& config, int stop_fd = LineWriter::kNoStop);

// From now on logging does not block: lines that cannot be written are buffered, and lost when the
// buffer is full; a line in their place says how many.
void never_wait_for_log();

// From now on logging blocks for a bounded time, see LineWriter::end().
void end_log();

void set_log_level(LogConfig::Level level);

// Logs what somebody has asked for: at any level but off.
void log_if_any(const std::string& text);

// The writer of standard error, to poll it for room; nullptr before open_log().
[[nodiscard]] LineWriter* log_writer();

}  // namespace hb::daemon
