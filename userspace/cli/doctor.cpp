#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/findings_json.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "kernel/diagnosis.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {
namespace {

using kernel::Finding;

enum class Format { Text, Json };

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf doctor\n"
    "  hb-ebpf doctor --format json | jq '.checks[] | select(.state != \"ok\")'";

const char* mark(Finding::State state) {
  switch (state) {
    case Finding::State::Ok: return "ok";
    case Finding::State::Warning: return "warn";
    case Finding::State::Failed: return "FAIL";
  }
  return "?";
}

void print_text(const std::vector<Finding>& findings, LineWriter& out) {
  for (const auto& finding : findings) {
    out.write(
        fmt::format("{:<4}  {:<14}  {}\n", mark(finding.state), finding.check, finding.detail));
    if (!finding.remedy.empty()) out.write(fmt::format("{:22}-> {}\n", "", finding.remedy));
  }
}

void print_json(const std::vector<Finding>& findings, LineWriter& out) {
  const auto all = findings_as_json(findings);
  out.write(all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

// Standard output has the findings alone.
void explain(const std::string& what, bool is_last) {
  if (is_last) std::cerr << "hb-ebpf: " << what << '\n';
}

ExitCode doctor(Format format) {
  kernel::set_explain(explain);
  const auto findings = kernel::diagnose(kernel::Config{});
  LineWriter out(STDOUT_FILENO);
  switch (format) {
    case Format::Text: print_text(findings, out); break;
    case Format::Json: print_json(findings, out); break;
  }
  if (const auto problem = out.take_problem()) std::cerr << "hb-ebpf: " << problem->message << '\n';
  return kernel::any_failed(findings) ? ExitCode::Unavailable : ExitCode::Success;
}

}  // namespace

void add_doctor(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Check what this kernel and these privileges allow, with remedies");
  const auto format = std::make_shared<Format>(Format::Text);
  add_choice<Format>(*command, "--format", *format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
  command->footer(kExamples);
  command->callback([&chosen, format] { chosen = [format] { return doctor(*format); }; });
}

}  // namespace hb::cli
