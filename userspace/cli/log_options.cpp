#include "cli/log_options.hpp"

#include "cli/options.hpp"

namespace hb::cli {

void add_log_options(CLI::App& app, daemon::LogConfig& config) {
  using Level = daemon::LogConfig::Level;
  using Format = daemon::LogConfig::Format;
  add_choice<Level>(app, "--log-level", config.level,
                    {{"trace", Level::Trace},
                     {"debug", Level::Debug},
                     {"info", Level::Info},
                     {"warn", Level::Warn},
                     {"error", Level::Error},
                     {"off", Level::Off}},
                    "The lowest level that is logged to standard error [info]");
  add_choice<Format>(app, "--log-format", config.format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "The log format [text]");
}

}  // namespace hb::cli
