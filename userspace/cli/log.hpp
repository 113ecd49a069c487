// Diagnostics: to standard error, by spdlog's default logger. Data never goes here.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {

struct LogOptions {
  enum class Level { Trace, Debug, Info, Warn, Error, Off };
  enum class Format { Text, Json };

  Level level = Level::Info;
  Format format = Format::Text;
};

// --log-level, --log-format.
void add_log_options(CLI::App& app, LogOptions& options);

// Before the first line. A reader of standard error that does not read never keeps the program from
// ending once `stop_fd` is readable.
void open_log(const LogOptions& options, int stop_fd = LineWriter::kNoStop);

// What is logged from now on waits for nobody.
void end_log();

}  // namespace hb::cli
