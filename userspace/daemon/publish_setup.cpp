#include "daemon/publish_setup.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/build.hpp"
#include "daemon/metrics.hpp"
#include "daemon/privileges.hpp"
#include "daemon/user.hpp"
#include "publish/http_address.hpp"
#include "recovery/pidfd.hpp"

namespace hb::daemon {
namespace {

// Nobody's: no process and no file belongs to it. (65534 is many a service's.)
constexpr std::uint32_t kNobody = 4'294'967'294;

// As nobody, where that is permitted and this user namespace has such a user; else as the observer.
Result<> become_nobody() {
  if (!is_permitted(CAP_SETUID) || !is_permitted(CAP_SETGID)) return ok();
  [[maybe_unused]] const auto became =
      become_user(User{std::to_string(kNobody), kNobody, kNobody, {}});
  return ok();
}

RunFacts run_facts(const RunConfig& config) {
  return {.version = build_version(),
          .revision = revision(),
          .socket = config.socket.path,
          .attest = config.attest == Attest::Kernel ? "kernel" : "procfs",
          .threshold_ms = config.threshold_ms,
          .pid = ::getpid(),
          .max_descriptors = descriptor_limit()};
}

// The publisher of an observer that was killed a moment ago ends a moment later.
constexpr int kMostTries = 50;
constexpr std::chrono::milliseconds kPause{10};

bool is_in_use(const Result<Fd>& listening) {
  return !listening && listening.error().code == EADDRINUSE;
}

Result<Fd> listen_for_http(const PublishConfig& config) {
  if (config.http_address.empty()) return Fd();
  const auto address = parse_http_address(config.http_address);
  if (!address) return address.error();
  auto listening = listen_at(address.value());
  for (int tries = 0; is_in_use(listening) && tries < kMostTries; ++tries) {
    std::this_thread::sleep_for(kPause);
    auto again = listen_at(address.value());
    if (again) return again;
  }
  return listening;
}

}  // namespace

Result<HttpAuth> read_http_auth(const PublishConfig& config) {
  return config.http_auth_file.empty() ? HttpAuth() : HttpAuth::read(config.http_auth_file);
}

Result<std::unique_ptr<Publisher>> start_publisher(const RunConfig& config, HttpAuth auth,
                                                   const PreparedRecovery& prepared) {
  if (config.publish.http_address.empty() && config.status_path().empty()) {
    return std::unique_ptr<Publisher>();
  }
  auto http = listen_for_http(config.publish);
  if (!http) return http.error();
  PublisherConfig wanted{.run = run_facts(config),
                         .limits = config.health_limits(),
                         .metrics = all_metrics(),
                         .auth = std::move(auth),
                         .metrics_per_agent = config.publish.metrics_per_agent,
                         .has_filter = !config.no_sandbox,
                         .cgroup_of_commands = {},
                         .become_user = become_nobody};
  if (prepared.cgroup) wanted.cgroup_of_commands = prepared.cgroup->path;
  auto publisher = Publisher::start(std::move(wanted), std::move(http).value());
  if (publisher && !publisher.value()->http_address().empty()) {
    spdlog::info("metrics and health are served at http://{}", publisher.value()->http_address());
  }
  return publisher;
}

}  // namespace hb::daemon
