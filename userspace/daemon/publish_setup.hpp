// Starts the publisher process as the configuration asks for it.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/recovery_setup.hpp"
#include "publish/http_auth.hpp"
#include "publish/publisher.hpp"

namespace hb::daemon {

// Of --http-auth-file; without it everybody is admitted.
[[nodiscard]] Result<HttpAuth> read_http_auth(const PublishConfig& config);

// Listens for HTTP, and forks: before any other thread, and before a key is read. nullptr: nothing
// is to be published.
[[nodiscard]] Result<std::unique_ptr<Publisher>> start_publisher(const RunConfig& config,
                                                                 HttpAuth auth,
                                                                 const PreparedRecovery& prepared);

}  // namespace hb::daemon
