#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "base/fd.hpp"
#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "daemon/signals.hpp"
#include "kernel/stamp_program.hpp"
#include "lab/bench/gnuplot.hpp"
#include "lab/bench/measurement.hpp"
#include "lab/bench/report.hpp"
#include "lab/commands.hpp"
#include "lab/workspace.hpp"
#include "procfs/self_exe.hpp"
#include "report/line_writer.hpp"
#include "report/text_sink.hpp"

namespace hb::lab {
namespace {

using bench::Measurement;

using daemon::ExitCode;

enum class Format { Text, Json };

constexpr std::uint64_t kMaxRounds = 10'000;
constexpr std::uint64_t kMaxIdle_s = 86'400;

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf bench                                 # everything: less than five minutes\n"
    "  hb-ebpf bench observer sender                 # only these\n"
    "  hb-ebpf bench --format json | jq .targets\n"
    "  hb-ebpf bench --plot bench.svg                # also plots the results; needs gnuplot\n"
    "Values that are compared are measured alternately; a target's ratio is the median of the\n"
    "ratios of the rounds. Measure on an idle machine.\n"
    "Exit codes: 0 all was measured, whether or not a bar was missed; 1 something could not be\n"
    "measured, or interrupted; 2 bad usage; 3 kernel attestation is not available here.";

struct BenchOptions {
  Format format = Format::Text;
  std::vector<const Measurement*> measurements;  // empty: all
  bench::Effort effort;
  std::string plot_file;
  bool list = false;
  daemon::LogConfig log;
};

ExitCode fail(const Error& error, ExitCode code = ExitCode::Failed) {
  spdlog::error("{}", error.message);
  return code;
}

// A progress line that is overwritten, on a terminal only.
void show_progress(const Measurement& measurement, std::size_t done, std::size_t all) {
  std::cerr << fmt::format("\r\x1b[K[{}/{}] {}: {}", done + 1, all, measurement.name,
                           measurement.summary)
            << std::flush;
}

void clear_progress() { std::cerr << "\r\x1b[K" << std::flush; }

bench::Plan plan_of(const BenchOptions& options) {
  bench::Plan plan;
  plan.measurements = options.measurements;
  if (plan.measurements.empty()) {
    for (const Measurement& one : bench::measurements()) plan.measurements.push_back(&one);
  }
  if (::isatty(STDERR_FILENO) == 1) {
    plan.progress = [all = plan.measurements.size()](const Measurement& measurement,
                                                     std::size_t done) {
      show_progress(measurement, done, all);
    };
  }
  return plan;
}

// Opened before measuring, so that an error shows at once, and before this process enters a new
// mount namespace.
Result<Fd> open_plot(const std::string& file) {
  if (file.empty()) return Fd();
  if (auto there = bench::gnuplot_is_there(); !there) return there.error();
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  const int code = errno;
  if (!fd) return os_error(code, "cannot write " + file);
  return fd;
}

std::string told(const bench::Report& report, Format format) {
  switch (format) {
    case Format::Text: return as_text(report, wants_colour(STDOUT_FILENO));
    case Format::Json: return as_json(report);
  }
  return {};
}

ExitCode tell(const bench::Report& report, const BenchOptions& options, const Fd& plot,
              int stop_fd) {
  LineWriter out(STDOUT_FILENO, stop_fd);
  out.write(told(report, options.format));
  if (const auto problem = out.take_problem()) return fail(*problem);
  if (plot) {
    if (auto drawn = bench::run_gnuplot(as_plot_script(report), plot.get()); !drawn) {
      return fail(drawn.error());
    }
  }
  for (const auto& failure : report.findings.failures()) {
    spdlog::error("{} could not be measured: {}", failure.name, failure.why);
  }
  return report.findings.failures().empty() ? ExitCode::Success : ExitCode::Failed;
}

ExitCode measure(const BenchOptions& options, const Fd& plot, int stop_fd) {
  const auto executable = beside_own_executable("hb-ebpf");
  if (!executable) return fail(executable.error());
  const auto workspace = Workspace::enter();
  if (!workspace) return fail(workspace.error());
  bench::Lab lab;
  lab.directory = workspace.value().directory();
  lab.executable = executable.value();
  lab.effort = options.effort;
  lab.stop_fd = stop_fd;
  const bench::Plan plan = plan_of(options);
  auto findings = bench::run(plan, lab);
  if (plan.progress) clear_progress();
  if (!findings) return fail(findings.error());
  bench::Report report{bench::this_host(), std::move(findings).value(), {}};
  report.targets = bench::judge(report.findings);
  return tell(report, options, plot, stop_fd);
}

ExitCode bench_all(const BenchOptions& options) {
  const auto signals = daemon::Signals::take();
  daemon::open_log(options.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) return fail(signals.error());
  const auto plot = open_plot(options.plot_file);
  if (!plot) return fail(plot.error());
  if (const auto program = kernel::StampProgram::open({}); !program) {
    return fail(program.error(), ExitCode::Unavailable);
  }
  return measure(options, plot.value(), signals.value().fd());
}

ExitCode list() {
  LineWriter out(STDOUT_FILENO);
  for (const Measurement& measurement : bench::measurements()) {
    out.write(fmt::format("{:<12} {}\n", measurement.name, measurement.summary));
  }
  return out.lost() == 0 ? ExitCode::Success : ExitCode::Failed;
}

void add_measurement(std::vector<const Measurement*>& chosen, const std::string& name) {
  if (const Measurement* measurement = bench::find_measurement(name)) {
    chosen.push_back(measurement);
    return;
  }
  std::vector<std::string> known;
  for (const Measurement& one : bench::measurements()) known.emplace_back(one.name);
  throw CLI::ValidationError(
      "NAME", "there is no '" + name + "'; there are " + fmt::format("{}", fmt::join(known, ", ")));
}

// Enough to test that everything works; the figures are not meaningful.
void be_quick(BenchOptions& options) {
  options.effort.quick = true;
  options.effort.rounds = 2;
  options.effort.idle_s = 1;
}

}  // namespace

void add_bench(CLI::App& app, cli::Action& chosen) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure what attestation costs: CPU, memory and delays");
  const auto options = std::make_shared<BenchOptions>();
  cli::add_choice<Format>(*command, "--format", options->format,
                          {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
  const auto add = [options](const std::vector<std::string>& names) {
    for (const std::string& name : names) add_measurement(options->measurements, name);
  };
  command->add_option_function<std::vector<std::string>>("NAME", add, "Only these")->type_name("");
  cli::add_number(*command, "--rounds", options->effort.rounds, 1, kMaxRounds,
                  "Rounds of measurements that alternate");
  cli::add_number(*command, "--idle-seconds", options->effort.idle_s, 1, kMaxIdle_s,
                  "How long idle observers are measured");
  command->add_flag_callback(
      "--quick", [options] { be_quick(*options); }, "Short samples, only to test that it works");
  command
      ->add_option("--plot", options->plot_file, "Plot the results to this SVG file; needs gnuplot")
      ->type_name("FILE");
  command->add_flag("--list", options->list, "List the measurements")->disable_flag_override();
  cli::add_log_options(*command, options->log);
  command->footer(kExamples);
  command->callback([&chosen, options] {
    chosen = [options] { return options->list ? list() : bench_all(*options); };
  });
}

}  // namespace hb::lab
