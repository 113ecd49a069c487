#include "kernel/trace_event.hpp"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>

namespace hb::kernel {
namespace {

// Not mounted anywhere; it is gone when nothing of it is open any more.
Result<Fd> open_tracefs() {
  const Fd context(::fsopen("tracefs", FSOPEN_CLOEXEC));
  int code = errno;
  if (!context) return os_error(code, "opening tracefs (fsopen)");
  const int refused = ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  code = errno;
  if (refused != 0) return os_error(code, "opening tracefs (fsconfig)");
  Fd root(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  code = errno;
  if (!root) return os_error(code, "opening tracefs (fsmount)");
  return root;
}

Result<std::uint64_t> read_id(const Fd& tracefs, const char* name) {
  const std::string path = std::string("events/") + name + "/id";
  const Fd file(::openat(tracefs.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  const int code = errno;
  if (!file) return os_error(code, "opening tracefs: " + path);
  std::array<char, 24> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  std::uint64_t id = 0;
  if (length <= 0 || std::from_chars(text.data(), text.data() + length, id).ec != std::errc())
    return Error{"reading tracefs: no number in " + path};
  return id;
}

// Who may not mount it may still be allowed to read it where it is mounted.
Result<std::uint64_t> trace_event_id(const char* name) {
  const auto tracefs = open_tracefs();
  if (tracefs) return read_id(tracefs.value(), name);
  const Fd mounted(::open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (mounted) {
    if (auto id = read_id(mounted, name)) return id;
  }
  return tracefs.error();
}

}  // namespace

Result<Fd> open_trace_event(const char* name) {
  const auto id = trace_event_id(name);
  if (!id) return id.error();
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = id.value();
  // A program that is attached to the event of one CPU runs on all of them.
  Fd event(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  const int code = errno;
  if (!event) return os_error(code, std::string("opening a perf event: ") + name);
  return event;
}

}  // namespace hb::kernel
