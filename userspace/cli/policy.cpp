// hb-ebpf policy: what a policy file means, and for whom.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/enum_values.hpp"
#include "base/units.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "daemon/config.hpp"
#include "daemon/policy_source.hpp"
#include "procfs/process_cgroup.hpp"
#include "procfs/process_comm.hpp"
#include "procfs/user_ids.hpp"
#include "recovery/cgroup_services.hpp"
#include "recovery/printable.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kHighestPid = 4'194'304;  // PID_MAX_LIMIT of linux/threads.h

enum class Format { Text, Json };

struct PolicyOptions {
  std::string file;
  std::uint32_t pid = 0;
  Format format = Format::Text;
};

using Json = nlohmann::ordered_json;

// Read as `run` with no other flags would. No file: one policy for everybody, without steps.
Result<Policies> read(const std::string& file) {
  daemon::RunConfig config;
  if (!file.empty()) config.recovery.policy_file = file;
  return daemon::read_policies(config.recovery, config.threshold_ms);
}

ExitCode failed(const Error& error) {
  std::cerr << "hb-ebpf: " << error.message << '\n';
  return ExitCode::Failed;
}

ExitCode written(LineWriter& out) {
  if (const auto problem = out.take_problem()) std::cerr << "hb-ebpf: " << problem->message << '\n';
  return out.lost() != 0 ? ExitCode::Failed : ExitCode::Success;
}

void print(const Json& json, LineWriter& out) {
  out.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string words_of(const Step& step) {
  std::string text;
  for (const auto& word : step.command()->words()) text += (text.empty() ? "" : " ") + word;
  return text;
}

Json as_json(const Step& step) {
  Json json;
  if (const int* signal = step.signal()) json["signal"] = *signal;
  if (step.command() != nullptr) json["exec"] = words_of(step);
  json["wait_ms"] = step.wait_ns / kNsPerMs;
  return json;
}

Json as_json(const ServiceMatch& match) {
  Json json = Json::object();
  if (match.unit) json["unit"] = match.unit->text();
  if (match.user_unit) json["user_unit"] = match.user_unit->text();
  if (match.cgroup) json["cgroup"] = match.cgroup->text();
  if (match.comm) json["comm"] = match.comm->text();
  if (match.uid) json["uid"] = *match.uid;
  return json;
}

Json as_json(const std::optional<ActBudget::Config>& budget) {
  if (!budget) return Json();
  return Json{{"attempts", budget->acts}, {"seconds", budget->window_ns / kNsPerSecond}};
}

Json as_json(const ServicePolicy& policy) {
  const ServiceRules& rules = policy.rules;
  Json kinds = Json::array();
  for (const DownKind kind : kEnumValues<DownKind>) {
    if (rules.recover_on.has(kind)) kinds.push_back(name(kind));
  }
  Json steps = Json::array();
  for (const Step& step : policy.steps) steps.push_back(as_json(step));
  return Json{
      {"name", policy.name},
      {"match", as_json(policy.match)},
      {"trusts_comm", policy.match.trusts_comm()},
      {"threshold_ms", policy.threshold_ns ? Json(*policy.threshold_ns / kNsPerMs) : Json()},
      {"recover_on", std::move(kinds)},
      {"settle_ms", rules.settle_ns / kNsPerMs},
      {"verify_ms", rules.verify_ns / kNsPerMs},
      {"stable_ms", rules.stable_ns / kNsPerMs},
      {"core_wait_ms", rules.core_wait_ns / kNsPerMs},
      {"attempts", rules.attempts},
      {"budget", as_json(policy.budget)},
      {"steps", std::move(steps)}};
}

ExitCode check(const PolicyOptions& options) {
  const auto policies = read(options.file);
  if (!policies) return failed(policies.error());
  LineWriter out(STDOUT_FILENO);
  for (const auto& policy : policies.value().all()) {
    switch (options.format) {
      case Format::Text: out.write(policy->name + "\n" + describe(*policy)); break;
      case Format::Json: print(as_json(*policy), out); break;
    }
  }
  return written(out);
}

// Of a process that runs now; by /proc, which nothing else of recovery asks.
struct Explained {
  ProcessFacts who;
  std::string cgroup;
  ServiceFacts facts;
};

Result<Explained> explain_process(std::uint32_t pid) {
  Explained explained;
  auto cgroup = cgroup_of(pid);
  if (!cgroup) return cgroup.error();
  explained.cgroup = std::move(cgroup).value();
  explained.who = {real_uid_of(pid), comm_of(pid)};
  const auto facts = service_of_cgroup(explained.cgroup);
  explained.facts = facts.value_or(ServiceFacts{
      .name = "process " + std::to_string(pid), .unit = {}, .user_unit = {}, .cgroup = {}});
  return explained;
}

Json known(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }
Json known(const Comm& comm) { return comm.is_known() ? Json(comm.view()) : Json(); }

void print_json(const PolicyOptions& options, const Explained& process, const Policies& policies,
                LineWriter& out) {
  const auto policy = policies.find(process.facts, process.who);
  const auto& uid = process.who.uid;
  const Json all{
      {"pid", options.pid},
      {"uid", uid ? Json(*uid) : Json()},
      {"comm", known(process.who.comm)},
      {"service", process.facts.name},
      {"unit", known(process.facts.unit)},
      {"user_unit", known(process.facts.user_unit)},
      {"cgroup", known(process.facts.cgroup)},
      {"policy", policy != nullptr && !policy->name.empty() ? Json(policy->name) : Json()}};
  print(all, out);
}

std::string words_of(const PolicyOptions& options, const Explained& process) {
  const auto& uid = process.who.uid;
  std::string text =
      fmt::format("process {} (comm {}, uid {}, cgroup {}): service {}\n", options.pid,
                  printable(process.who.comm.view()), uid ? std::to_string(*uid) : "not known",
                  printable(process.cgroup), printable(process.facts.name));
  if (process.facts.unit) return text + "unit " + printable(*process.facts.unit) + "\n";
  return text + "no command can restart it as a unit: {unit} is not known\n";
}

// The first policy that matches, and why each before it does not.
void print_text(const PolicyOptions& options, const Explained& process, const Policies& policies,
                LineWriter& out) {
  out.write(words_of(options, process));
  if (options.file.empty()) return;
  for (const auto& policy : policies.all()) {
    const char* key = policy->match.mismatch(process.facts, process.who);
    if (key == nullptr) {
      out.write("policy " + policy->name + "\n" + describe(*policy));
      return;
    }
    out.write(fmt::format("not {} ({}): another {}\n", policy->name, whom(policy->match), key));
  }
  out.write("no policy matches it: nothing is done about it\n");
}

ExitCode explain(const PolicyOptions& options) {
  const auto policies = read(options.file);
  if (!policies) return failed(policies.error());
  const auto process = explain_process(options.pid);
  if (!process) return failed(process.error());
  LineWriter out(STDOUT_FILENO);
  switch (options.format) {
    case Format::Text: print_text(options, process.value(), policies.value(), out); break;
    case Format::Json: print_json(options, process.value(), policies.value(), out); break;
  }
  return written(out);
}

void add_format(CLI::App& command, PolicyOptions& options) {
  add_choice<Format>(command, "--format", options.format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
}

}  // namespace

void add_policy(CLI::App& app, Action& chosen) {
  CLI::App* policy = app.add_subcommand("policy", "Say what a policy file means, and for whom");
  policy->require_subcommand(1);
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* checked =
      policy->add_subcommand("check", "Say what a policy file means to a run without other flags");
  checked->add_option("FILE", options->file, "The policy file")->required();
  add_format(*checked, *options);
  checked->callback([&chosen, options] { chosen = [options] { return check(*options); }; });
  CLI::App* explained =
      policy->add_subcommand("explain", "Say which service a running process is, and why");
  explained->add_option("FILE", options->file, "The policy file; without, the service alone");
  add_number(*explained, "--pid", options->pid, 1, kHighestPid, "The process")->required();
  add_format(*explained, *options);
  explained->callback([&chosen, options] { chosen = [options] { return explain(*options); }; });
}

}  // namespace hb::cli
