#include "daemon/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "report/journal.hpp"
#include "report/line_writer.hpp"

namespace hb::daemon {
namespace {

constexpr std::size_t kLogBytes = std::size_t{64} << 10;  // of buffered lines

class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit StderrSink(int stop_fd) : out_(STDERR_FILENO, stop_fd) {
    out_.tell_gaps_with([this](const LineWriter::Gap& gap) { say(gap); });
  }
  LineWriter& out() { return out_; }

 private:
  void say(const LineWriter::Gap& gap) {
    const std::string text = "lost (" + std::string(LineWriter::kLogLinesLost.loss) +
                             "): " + std::to_string(gap.lines) +
                             " lines of this log, at this place";
    sink_it_({"hb-ebpf", spdlog::level::warn, text});
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    out_.write({line.data(), line.size()});
  }
  void flush_() override {}

  LineWriter out_;
};

// Formats the message as a JSON string, whatever bytes it has.
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const std::string text(message.payload.data(), message.payload.size());
    const std::string quoted =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    line.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<QuotedMessage>();
  }
};

class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    line.push_back('<');
    line.push_back(static_cast<char>('0' + static_cast<int>(of(message.level))));
    line.push_back('>');
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }

 private:
  static journal::Priority of(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::critical: return journal::Priority::Critical;
      case spdlog::level::err: return journal::Priority::Error;
      case spdlog::level::warn: return journal::Priority::Warning;
      case spdlog::level::info: return journal::Priority::Info;
      default: return journal::Priority::Debug;
    }
  }
};

// The journal adds the program's name itself.
const char* pattern(const LogConfig& config) {
  switch (config.format) {
    case LogConfig::Format::Text: return config.has_priorities ? "%~%v" : "hb-ebpf: %l: %v";
    case LogConfig::Format::Json:
      return config.has_priorities
                 ? R"(%~{"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%l","message":%*})"
                 : R"({"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%l","message":%*})";
  }
  return "%v";
}

std::unique_ptr<spdlog::formatter> formatter(const LogConfig& config) {
  auto made = std::make_unique<spdlog::pattern_formatter>();
  made->add_flag<QuotedMessage>('*').add_flag<Priority>('~').set_pattern(pattern(config));
  return made;
}

spdlog::level::level_enum level(LogConfig::Level level) {
  switch (level) {
    case LogConfig::Level::Trace: return spdlog::level::trace;
    case LogConfig::Level::Debug: return spdlog::level::debug;
    case LogConfig::Level::Info: return spdlog::level::info;
    case LogConfig::Level::Warn: return spdlog::level::warn;
    case LogConfig::Level::Error: return spdlog::level::err;
    case LogConfig::Level::Off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void open_log(const LogConfig& config, int stop_fd) {
  auto logger = std::make_shared<spdlog::logger>("hb-ebpf", std::make_shared<StderrSink>(stop_fd));
  logger->set_formatter(formatter(config));
  logger->set_level(level(config.level));
  spdlog::set_default_logger(std::move(logger));
}

LineWriter* log_writer() {
  for (const auto& sink : spdlog::default_logger()->sinks()) {
    if (auto* ours = dynamic_cast<StderrSink*>(sink.get())) return &ours->out();
  }
  return nullptr;
}

void set_log_level(LogConfig::Level to) { spdlog::set_level(level(to)); }

void log_if_any(const std::string& text) {
  const auto before = spdlog::get_level();
  if (before == spdlog::level::off) return;
  spdlog::set_level(std::min(before, spdlog::level::info));
  spdlog::info("{}", text);
  spdlog::set_level(before);
}

void never_wait_for_log() {
  if (LineWriter* out = log_writer()) out->never_wait(kLogBytes);
}

void end_log() {
  if (LineWriter* out = log_writer()) out->end();
}

}  // namespace hb::daemon
