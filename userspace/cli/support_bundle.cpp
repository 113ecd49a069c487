#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/build.hpp"
#include "cli/bundle_config.hpp"
#include "cli/bundle_host.hpp"
#include "cli/bundle_log.hpp"
#include "cli/bundle_status.hpp"
#include "cli/findings_json.hpp"
#include "cli/new_file.hpp"
#include "cli/options.hpp"
#include "cli/scrubber.hpp"
#include "cli/subcommands.hpp"
#include "daemon/config.hpp"
#include "kernel/diagnosis.hpp"

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kInstalledConfig = "/etc/hb-ebpf/hb-ebpf.conf";
constexpr const char* kStatusSocket = "status.sock";
constexpr int kFormat = 1;  // of the document

constexpr const char* kBundleExamples =
    "Examples:\n"
    "  sudo hb-ebpf support-bundle\n"
    "  sudo hb-ebpf support-bundle --config /etc/hb-ebpf.conf --log /var/log/hb-ebpf.log\n"
    "  jq '.doctor.checks[] | select(.state != \"ok\")' hb-ebpf-support-*.json";

struct Options {
  std::string output;
  std::string socket;
  std::string status_socket;
  std::string config;
  std::vector<std::string> logs;
};

std::string utc_now(const char* format) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), format, &parts)};
}

// The log of libbpf and the verifier, where they refuse the program.
std::string refusal;

void keep_refusal(const std::string& what, bool is_last) {
  if (is_last) refusal = what;
}

Json doctor() {
  kernel::set_explain(keep_refusal);
  Json said = findings_as_json(kernel::diagnose(kernel::Config{}));
  if (!refusal.empty()) said["refusal"] = refusal;
  return said;
}

BundledConfig configuration(const std::string& asked, Scrubber& scrubber) {
  if (!asked.empty()) return bundle_config(asked, scrubber);
  struct stat seen {};
  if (::lstat(kInstalledConfig, &seen) == 0) return bundle_config(kInstalledConfig, scrubber);
  return {{{"problem", std::string("none given, and there is no ") + kInstalledConfig}}, {}, {}};
}

// What is given; else what the configuration says; else beside the socket that agents send to.
std::string status_socket(const Options& options, const BundledConfig& config) {
  if (!options.status_socket.empty()) return options.status_socket;
  if (options.socket.empty() && !config.status_socket.empty()) return config.status_socket;
  std::string socket = options.socket;
  if (socket.empty()) socket = config.socket;
  if (socket.empty()) socket = daemon::RunConfig{}.socket.path;
  return socket.substr(0, socket.rfind('/') + 1) + kStatusSocket;
}

Json collect(const Options& options) {
  Scrubber scrubber;
  const BundledConfig config = configuration(options.config, scrubber);
  const Json all{
      {"support_bundle", kFormat},
      {"made", utc_now("%Y-%m-%dT%H:%M:%SZ")},
      {"version", {{"hb_ebpf", build_version()}, {"libbpf", kernel::libbpf_version()}}},
      {"doctor", doctor()},
      {"configuration", config.shown},
      {"observer", bundle_status(status_socket(options, config))},
      {"kernel", bundle_kernel()},
      {"process", bundle_process()},
      {"log", bundle_log(options.logs)},
  };
  Json shown = Json::object();  // under these names, whatever is hidden elsewhere
  for (const auto& [name, part] : all.items()) shown[name] = scrubber.scrubbed_json(part);
  return shown;
}

ExitCode support_bundle(const Options& options) {
  const std::string path = options.output.empty()
                               ? "hb-ebpf-support-" + utc_now("%Y%m%dT%H%M%SZ") + ".json"
                               : options.output;
  const std::string text = collect(options).dump(2, ' ', false, Json::error_handler_t::replace);
  if (const auto written = write_new_file(path, text + "\n"); !written) {
    std::cerr << "hb-ebpf: " << written.error().message << '\n';
    return ExitCode::Failed;
  }
  std::cout << path << '\n';
  std::cerr
      << "hb-ebpf: read it before you pass it on: log lines and names are in it as they are\n";
  return ExitCode::Success;
}

}  // namespace

void add_support_bundle(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "support-bundle", "Write one file that says what is going on here, without secrets");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("--output", options->output,
                   "A new file [hb-ebpf-support-TIME.json in this directory]")
      ->type_name("FILE");
  command->add_option("--socket", options->socket, "The socket that agents send to")
      ->check(socket_path())
      ->type_name("PATH");
  command
      ->add_option("--status-socket", options->status_socket,
                   "Where the observer tells its status [status.sock beside the other]")
      ->check(socket_path())
      ->type_name("PATH");
  command
      ->add_option("--config", options->config,
                   std::string("The observer's configuration [") + kInstalledConfig + "]")
      ->type_name("FILE");
  command->add_option("--log", options->logs, "A log file, beside the journal; repeatable")
      ->type_name("FILE")
      ->take_all();
  command->footer(kBundleExamples);
  command->callback(
      [&chosen, options] { chosen = [options] { return support_bundle(*options); }; });
}

}  // namespace hb::cli
