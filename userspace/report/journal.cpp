#include "report/journal.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace hb::journal {
namespace {

constexpr std::string_view kSocket = "/run/systemd/journal/socket";

struct Kind {
  const char* event;
  Priority priority;
  std::optional<std::uint32_t> pid = {};
};

struct KindOf {
  Kind operator()(const Beat& e) const { return {"beat", Priority::Info, e.pid}; }
  Kind operator()(const Stall& e) const { return {"stall", Priority::Warning, e.pid}; }
  Kind operator()(const Decode&) const { return {"decode", Priority::Notice}; }
  Kind operator()(const AuthFailure& e) const {
    return {"auth_failure", Priority::Warning, e.claimed_pid};
  }
  Kind operator()(const OriginConflict& e) const {
    return {"origin_conflict", Priority::Warning, e.claimed_pid};
  }
  Kind operator()(const NamespaceConflict& e) const {
    return {"namespace_conflict", Priority::Warning, e.claimed_pid};
  }
  Kind operator()(const Notice& e) const { return {"notice", Priority::Info, e.pid}; }
  Kind operator()(const Io&) const { return {"io", Priority::Error}; }
  Kind operator()(const CtrlTruncated&) const { return {"ctrl_truncated", Priority::Notice}; }
};

// No byte of a value may be taken for a separator.
void put_value(fmt::memory_buffer& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
}

void put(fmt::memory_buffer& line, const Kind& kind, const ServiceFacts* service) {
  const auto out = std::back_inserter(line);
  fmt::format_to(out, "SYSLOG_IDENTIFIER=hb-ebpf{}PRIORITY={}{}HB_EVENT={}{}", kSeparator,
                 static_cast<int>(kind.priority), kSeparator, kind.event, kSeparator);
  if (kind.pid) fmt::format_to(out, "HB_PID={}{}", *kind.pid, kSeparator);
  if (service != nullptr) {
    fmt::format_to(out, "HB_SERVICE=");
    put_value(line, service->name);
    line.push_back(kSeparator);
  }
  fmt::format_to(out, "MESSAGE=");
}

}  // namespace

bool is_at(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat seen {};
  if (stream == nullptr || ::fstat(fd, &seen) != 0) return false;
  return std::to_string(seen.st_dev) + ":" + std::to_string(seen.st_ino) == stream;
}

Result<Fd> open() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kSocket.data(), kSocket.size());
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::connect(socket.get(), to, sizeof(address)) != 0) {
    const int code = errno;
    return os_error(code, "cannot connect to the journal");
  }
  return socket;
}

void put_fields(fmt::memory_buffer& line, const Event& event, const ServiceFacts* service) {
  put(line, std::visit(KindOf{}, event), service);
}

void put_fields(fmt::memory_buffer& line, const char* event, Priority priority) {
  put(line, {event, priority}, nullptr);
}

}  // namespace hb::journal
