#include "keep/descriptor_store.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "keep/descriptor_name.hpp"
#include "transport/descriptors.hpp"

namespace hb::keep {
namespace {

constexpr int kPatience_ms = 2000;

Error no_name(std::string_view name) {
  return Error{"'" + std::string(name) + "' cannot be a descriptor's name", EINVAL};
}

}  // namespace

// FDPOLL=0: systemd would drop a descriptor that polls as an error, as BPF maps do.
Result<> DescriptorStore::put(std::string_view name, std::span<const int> descriptors) {
  if (!is_descriptor_name(name)) return no_name(name);
  const std::string message = "FDSTORE=1\nFDNAME=" + std::string(name) + "\nFDPOLL=0";
  while (!descriptors.empty()) {
    const auto some = descriptors.first(std::min(descriptors.size(), kMostDescriptors));
    if (auto told = tell(message, some); !told) return told;
    descriptors = descriptors.subspan(some.size());
  }
  return ok();
}

Result<> DescriptorStore::remove(std::string_view name) {
  if (!is_descriptor_name(name)) return no_name(name);
  return tell("FDSTOREREMOVE=1\nFDNAME=" + std::string(name), {});
}

Result<> DescriptorStore::tell(std::string_view message, std::span<const int> descriptors) {
  int code = socket_.send(message, descriptors);
  if (code == EAGAIN) {
    pollfd polled{socket_.fd(), POLLOUT, 0};
    ::poll(&polled, 1, kPatience_ms);
    code = socket_.send(message, descriptors);
  }
  if (code != 0) return os_error(code, "cannot reach the descriptor store (NOTIFY_SOCKET)");
  return ok();
}

}  // namespace hb::keep
