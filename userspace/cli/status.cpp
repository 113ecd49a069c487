#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/units.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "report/line_writer.hpp"
#include "status/parse_status.hpp"
#include "status/status_fetch.hpp"
#include "status/status_text.hpp"

namespace hb::cli {
namespace {

enum class Format { Text, Json };

constexpr const char* kExamples =
    "Exit code 0: the observer is healthy and ready. 1: it is not, or there is none.\n"
    "Examples:\n"
    "  hb-ebpf status\n"
    "  hb-ebpf status --format json | jq '.agents.list[] | select(.state == \"silent\")'";

struct StatusOptions {
  std::string socket = status::kDefaultStatusSocket;
  Format format = Format::Text;
  std::uint64_t timeout_ms = 5000;
};

ExitCode fail(const Error& error) {
  std::cerr << "hb-ebpf: " << error.message << '\n';
  return ExitCode::Failed;
}

ExitCode show_status(const StatusOptions& options) {
  const std::chrono::milliseconds patience(options.timeout_ms);
  const auto text = status::fetch_status(options.socket, patience);
  if (!text) return fail(text.error());
  const auto document = status::parse_status(text.value());
  if (!document) return fail(document.error());
  LineWriter out(STDOUT_FILENO);
  switch (options.format) {
    case Format::Text: out.write(status::status_text(document.value())); break;
    case Format::Json: out.write(status::on_one_line(text.value()) + "\n"); break;
  }
  if (const auto problem = out.take_problem()) return fail(*problem);
  return document.value().is_well() ? ExitCode::Success : ExitCode::Failed;
}

}  // namespace

void add_status(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("status", "Show the running observer: health, losses, services, agents");
  const auto options = std::make_shared<StatusOptions>();
  add_status_socket(*command, options->socket);
  add_choice<Format>(*command, "--format", options->format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
  add_number(*command, "--timeout-ms", options->timeout_ms, 1, kMsPerDay,
             "How long the observer may take to answer");
  command->footer(kExamples);
  command->callback([&chosen, options] { chosen = [options] { return show_status(*options); }; });
}

}  // namespace hb::cli
