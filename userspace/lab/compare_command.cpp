#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "daemon/signals.hpp"
#include "lab/commands.hpp"
#include "lab/compare/report.hpp"
#include "lab/compare/runner.hpp"
#include "lab/workspace.hpp"
#include "report/event_sink.hpp"
#include "report/line_writer.hpp"
#include "report/text_sink.hpp"

namespace hb::lab {
namespace {

using compare::Comparison;
using compare::Scenario;

using daemon::ExitCode;

enum class Format { Text, Json, Tap, Junit };

constexpr std::uint64_t kMaxRepeats = 1'000'000;

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf compare                               # everything once, as a table\n"
    "  hb-ebpf compare --scenario pid_reused_native --scenario exits_after_send --repeat 100\n"
    "  hb-ebpf compare --format json | jq .summary\n"
    "Exit codes: 0 the kernel column is right everywhere; 1 it is not, or interrupted; 2 bad\n"
    "usage; 3 kernel attestation is not available here.";

struct CompareOptions {
  Format format = Format::Text;
  std::vector<const Scenario*> scenarios;  // empty: all
  std::uint64_t repeats = 1;
  kernel::Delivery delivery = kernel::Delivery::Socket;
  bool list = false;
  daemon::LogConfig log;
};

// A progress line that is overwritten, on a terminal only.
void show_progress(const Scenario& scenario, std::size_t done, std::size_t all,
                   std::uint64_t repeat) {
  std::cerr << fmt::format("\r\x1b[K[{}/{}] {} {}", done + 1, all, scenario.name, repeat + 1)
            << std::flush;
}

void clear_progress() { std::cerr << "\r\x1b[K" << std::flush; }

compare::Plan plan_of(const CompareOptions& options, const std::string& directory, int stop_fd) {
  compare::Plan plan;
  plan.scenarios = options.scenarios;
  if (plan.scenarios.empty()) {
    for (const Scenario& scenario : compare::scenarios()) plan.scenarios.push_back(&scenario);
  }
  plan.repeats = options.repeats;
  plan.directory = directory;
  plan.stop_fd = stop_fd;
  if (::isatty(STDERR_FILENO) == 1) {
    plan.progress = [all = plan.scenarios.size()](const Scenario& scenario, std::size_t done,
                                                  std::uint64_t repeat) {
      show_progress(scenario, done, all, repeat);
    };
  }
  return plan;
}

std::string told(const Comparison& comparison, Format format) {
  switch (format) {
    case Format::Text: return as_text(comparison, wants_colour(STDOUT_FILENO));
    case Format::Json: return as_json(comparison);
    case Format::Tap: return as_tap(comparison);
    case Format::Junit: return as_junit(comparison);
  }
  return {};
}

ExitCode fail(const Error& error, ExitCode code = ExitCode::Failed) {
  spdlog::error("{}", error.message);
  return code;
}

ExitCode compare_in(const Workspace& workspace, std::unique_ptr<kernel::StampProgram> program,
                    const CompareOptions& options, int stop_fd) {
  const std::string directory = workspace.directory();
  auto columns = compare::Columns::open(std::move(program),
                                        directory + "/hb-compare-" + std::to_string(::getpid()));
  if (!columns) return fail(columns.error());
  const compare::Plan plan = plan_of(options, directory, stop_fd);
  const auto comparison = compare::run(plan, columns.value());
  if (plan.progress) clear_progress();
  if (!comparison) return fail(comparison.error());

  LineWriter out(STDOUT_FILENO, stop_fd);
  out.write(told(comparison.value(), options.format));
  if (const auto problem = out.take_problem()) return fail(*problem);
  return comparison.value().proves_kernel() ? ExitCode::Success : ExitCode::Failed;
}

ExitCode compare_all(const CompareOptions& options) {
  const auto signals = daemon::Signals::take();
  daemon::open_log(options.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) return fail(signals.error());
  kernel::Config config;
  config.delivery = options.delivery;
  auto program = kernel::StampProgram::open(config);
  if (!program) return fail(program.error(), ExitCode::Unavailable);
  const auto workspace = Workspace::enter();
  if (!workspace) return fail(workspace.error());
  return compare_in(workspace.value(), std::move(program).value(), options, signals.value().fd());
}

ExitCode list() {
  LineWriter out(STDOUT_FILENO);
  for (const Scenario& scenario : compare::scenarios()) {
    out.write(fmt::format("{:<20} {}\n", scenario.name, scenario.summary));
  }
  return out.lost() == 0 ? ExitCode::Success : ExitCode::Failed;
}

void add_scenario(std::vector<const Scenario*>& chosen, const std::string& name) {
  if (const Scenario* scenario = compare::find_scenario(name)) {
    chosen.push_back(scenario);
    return;
  }
  std::vector<std::string> known;
  for (const Scenario& scenario : compare::scenarios()) known.emplace_back(scenario.name);
  throw CLI::ValidationError("--scenario", "there is no '" + name + "'; there are " +
                                               fmt::format("{}", fmt::join(known, ", ")));
}

}  // namespace

void add_compare(CLI::App& app, cli::Action& chosen) {
  CLI::App* command =
      app.add_subcommand("compare", "Compare kernel stamps with /proc, scenario by scenario");
  const auto options = std::make_shared<CompareOptions>();
  cli::add_choice<Format>(*command, "--format", options->format,
                          {{"text", Format::Text},
                           {"json", Format::Json},
                           {"tap", Format::Tap},
                           {"junit", Format::Junit}},
                          "Output format [text]");
  const auto add = [options](const std::string& name) { add_scenario(options->scenarios, name); };
  command
      ->add_option_function<std::string>("--scenario", add,
                                         "Run only this scenario; may be repeated")
      ->type_name("NAME")
      ->trigger_on_parse();
  cli::add_number(*command, "--repeat", options->repeats, 1, kMaxRepeats,
                  "How often each is run; some are races");
  cli::add_choice<kernel::Delivery>(
      *command, "--delivery", options->delivery,
      {{"socket", kernel::Delivery::Socket}, {"ring", kernel::Delivery::Ring}},
      "How frames arrive in the kernel column, as in `run` [socket]");
  command->add_flag("--list", options->list, "List the scenarios")->disable_flag_override();
  cli::add_log_options(*command, options->log);
  command->footer(kExamples);
  command->callback([&chosen, options] {
    chosen = [options] { return options->list ? list() : compare_all(*options); };
  });
}

}  // namespace hb::lab
