// hb-ebpf policy: what a policy file means, and for whom.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "daemon/config.hpp"
#include "daemon/policy_source.hpp"
#include "procfs/process_cgroup.hpp"
#include "procfs/user_ids.hpp"
#include "recovery/cgroup_services.hpp"
#include "report/line_writer.hpp"

namespace hb::cli {
namespace {

enum class Format { Text, Json };

struct PolicyOptions {
  std::string file;
  std::uint32_t pid = 0;
  Format format = Format::Text;
};

using Json = nlohmann::ordered_json;

// Read as `run` with no other flags would.
Result<Policies> read(const std::string& file) {
  daemon::RunConfig config;
  config.recovery.policy_file = file;
  auto policies = daemon::read_policies(config.recovery, config.threshold_ms);
  if (!policies) return policies.error();
  return Policies(std::move(policies).value());
}

ExitCode failed(const Error& error) {
  std::cerr << "hb-ebpf: " << error.message << '\n';
  return ExitCode::Failed;
}

ExitCode written(LineWriter& out) {
  if (const auto problem = out.take_problem()) std::cerr << "hb-ebpf: " << problem->message << '\n';
  return out.lost() != 0 ? ExitCode::Failed : ExitCode::Success;
}

ExitCode check(const PolicyOptions& options) {
  const auto policies = read(options.file);
  if (!policies) return failed(policies.error());
  LineWriter out(STDOUT_FILENO);
  for (const auto& policy : policies.value().all()) {
    out.write(policy->name + "\n" + describe(*policy));
  }
  return written(out);
}

// Of a process that runs now; by /proc, which nothing else of recovery asks.
struct Explained {
  std::optional<std::uint32_t> uid;
  std::string cgroup;
  ServiceFacts facts;
};

Result<Explained> explain_process(std::uint32_t pid) {
  Explained explained;
  auto cgroup = cgroup_of(pid);
  if (!cgroup) return cgroup.error();
  explained.cgroup = std::move(cgroup).value();
  explained.uid = real_uid_of(pid);
  const auto facts = service_of_cgroup(explained.cgroup);
  explained.facts = facts.value_or(ServiceFacts{
      .name = "process " + std::to_string(pid), .unit = {}, .user_unit = {}, .cgroup = {}});
  return explained;
}

Json known(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

void print_json(const PolicyOptions& options, const Explained& process, const ServicePolicy* policy,
                LineWriter& out) {
  const Json all{{"pid", options.pid},
                 {"uid", process.uid ? Json(*process.uid) : Json()},
                 {"service", process.facts.name},
                 {"unit", known(process.facts.unit)},
                 {"user_unit", known(process.facts.user_unit)},
                 {"cgroup", known(process.facts.cgroup)},
                 {"policy", policy != nullptr ? Json(policy->name) : Json()}};
  out.write(all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_text(const PolicyOptions& options, const Explained& process, const ServicePolicy* policy,
                LineWriter& out) {
  out.write(fmt::format("process {} (uid {}, cgroup {}): service {}\n", options.pid,
                        process.uid ? std::to_string(*process.uid) : "not known", process.cgroup,
                        process.facts.name));
  if (!process.facts.unit) out.write("no command can restart it as a unit: {unit} is not known\n");
  if (policy == nullptr) {
    out.write("no policy matches it: nothing is done about it\n");
  } else {
    out.write("policy " + policy->name + "\n" + describe(*policy));
  }
}

ExitCode explain(const PolicyOptions& options) {
  const auto policies = read(options.file);
  if (!policies) return failed(policies.error());
  const auto process = explain_process(options.pid);
  if (!process) return failed(process.error());
  const auto policy = policies.value().find(process.value().facts, process.value().uid);
  LineWriter out(STDOUT_FILENO);
  switch (options.format) {
    case Format::Text: print_text(options, process.value(), policy.get(), out); break;
    case Format::Json: print_json(options, process.value(), policy.get(), out); break;
  }
  return written(out);
}

}  // namespace

void add_policy(CLI::App& app, Action& chosen) {
  CLI::App* policy = app.add_subcommand("policy", "Work on policy files (run --policy-file)");
  policy->require_subcommand(1);
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* checked = policy->add_subcommand("check", "Say what a policy file means");
  checked->add_option("FILE", options->file, "The policy file")->required();
  checked->callback([&chosen, options] { chosen = [options] { return check(*options); }; });
  CLI::App* explained =
      policy->add_subcommand("explain", "Say which service a running process is, and why");
  explained->add_option("FILE", options->file, "The policy file")->required();
  add_number(*explained, "--pid", options->pid, 1, 4'194'304, "The process")->required();
  add_choice<Format>(*explained, "--format", options->format,
                     {{"text", Format::Text}, {"json", Format::Json}}, "Output format [text]");
  explained->callback([&chosen, options] { chosen = [options] { return explain(*options); }; });
}

}  // namespace hb::cli
