#include "daemon/descriptors.hpp"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <string>

#include "recovery/pidfd.hpp"

namespace hb::daemon {
namespace {

void warn_of_few(const RunConfig& config) {
  const std::size_t limit = descriptor_limit();
  const std::size_t needed = needed_descriptors(config);
  if (limit >= needed) return;
  std::string so;
  if (config.recovery.needs_pidfds()) {
    so = ": recovery can hold on to " + std::to_string(room_for_pidfds(limit)) +
         " agents at a time, --tracker-capacity is " + std::to_string(config.tracker_capacity);
  }
  spdlog::warn(
      "{} descriptors (RLIMIT_NOFILE) are allowed where {} may be needed{}: allow for them "
      "(LimitNOFILE=, ulimit -Hn; for more than 1048576 fs.nr_open too)",
      limit, needed, so);
}

}  // namespace

std::size_t needed_descriptors(const RunConfig& config) {
  return kReservedDescriptors + (config.recovery.needs_pidfds() ? config.tracker_capacity : 0);
}

std::optional<rlimit> provide_descriptors(const RunConfig& config) {
  const auto before = raise_descriptor_limit(needed_descriptors(config));
  if (!before) spdlog::warn("{}", before.error().message);
  warn_of_few(config);
  return before ? std::optional(before.value()) : std::nullopt;
}

void SpareDescriptors::release() {
  for (Fd& spare : spare_) spare.reset();
}

void SpareDescriptors::take() {
  for (Fd& spare : spare_) spare.reset(::eventfd(0, EFD_CLOEXEC));
}

}  // namespace hb::daemon
