#include "cli/publish_options.hpp"

#include <string>

#include "cli/options.hpp"
#include "publish/board.hpp"
#include "publish/http_address.hpp"
#include "transport/unix_address.hpp"

namespace hb::cli {
namespace {

constexpr const char* kHttp = "--http-addr";

CLI::Validator http_address() {
  const auto check = [](std::string& text) {
    const auto address = parse_http_address(text);
    return address ? std::string() : address.error().message;
  };
  return CLI::Validator(check, "");
}

CLI::Validator socket_path_or_none() {
  const auto check = [](std::string& path) {
    if (path.empty() || path == "none") return std::string();
    const auto address = unix_address(path);
    return address ? std::string() : address.error().message;
  };
  return CLI::Validator(check, "");
}

void need_http(const char* flag, bool given) {
  if (given) throw CLI::ValidationError(flag, std::string("needs ") + kHttp);
}

}  // namespace

void declare_publish_options(CLI::App& run, daemon::PublishConfig& o) {
  run.add_option(std::string(kHttp) + ",--prom-addr", o.http_address,
                 "Serve /metrics, /healthz and /readyz here; port 0: any")
      ->check(http_address())
      ->type_name("IP:PORT");
  run.add_option("--http-auth-file", o.http_auth_file,
                 "Who may read them: a line user:password for each")
      ->type_name("FILE");
  run.add_flag("--i-accept-open-metrics", o.accept_open_metrics,
               "Serve them without a password at an address that other hosts can reach")
      ->disable_flag_override();
  add_number(run, "--metrics-per-agent", o.metrics_per_agent, 0, kMaxAgentsShown,
             "Metrics with the pid as a label, for so many agents");
  run.add_option("--status-socket", o.status_socket,
                 "Where `hb-ebpf status` reads; none: nowhere [status.sock beside --socket]")
      ->check(socket_path_or_none())
      ->type_name("PATH");
  add_mode(run, "--status-socket-mode", o.status_mode, "Its permission bits: who may read [0600]");
}

void check_publish_options(const daemon::PublishConfig& o) {
  if (o.http_address.empty()) {
    need_http("--http-auth-file", !o.http_auth_file.empty());
    need_http("--i-accept-open-metrics", o.accept_open_metrics);
    need_http("--metrics-per-agent", o.metrics_per_agent > 0);
    return;
  }
  const auto address = parse_http_address(o.http_address);
  const bool is_open = o.http_auth_file.empty() && !o.accept_open_metrics;
  if (address && !address.value().is_loopback() && is_open) {
    throw CLI::ValidationError(kHttp,
                               "others than this host can reach " + o.http_address +
                                   ": give --http-auth-file, or say --i-accept-open-metrics");
  }
  if (!o.http_auth_file.empty() && o.accept_open_metrics) {
    throw CLI::ValidationError("--i-accept-open-metrics",
                               "with --http-auth-file nothing is open: leave out one of them");
  }
}

}  // namespace hb::cli
