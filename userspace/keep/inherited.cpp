#include "keep/inherited.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "keep/variable.hpp"

namespace hb::keep {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// At most one more than `most`.
std::vector<std::string> split(std::string_view names, std::size_t most) {
  std::vector<std::string> parts;
  while (parts.size() <= most) {
    const auto colon = names.find(':');
    parts.emplace_back(names.substr(0, colon));
    if (colon == std::string_view::npos) break;
    names.remove_prefix(colon + 1);
  }
  return parts;
}

// Takes all of them before it looks at one, so that a refusal closes them all.
Result<std::vector<NamedFd>> take_open(std::size_t count) {
  std::vector<NamedFd> taken(count);
  std::optional<int> closed;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = kFirst + static_cast<int>(i);
    const bool is_open = ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
    if (is_open) taken[i] = {"unknown", Fd(fd)};
    if (!is_open && !closed) closed = fd;
  }
  if (closed) return Error{"LISTEN_FDS: descriptor " + std::to_string(*closed) + " is not open"};
  return taken;
}

Result<> name_them(std::vector<NamedFd>& taken, std::string_view names) {
  const auto parts = split(names, taken.size());
  if (parts.size() != taken.size()) {
    return Error{"LISTEN_FDNAMES does not have as many names as LISTEN_FDS descriptors (" +
                 std::to_string(taken.size()) + ")"};
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_descriptor_name(parts[i])) return Error{"LISTEN_FDNAMES has a name that is none"};
    taken[i].name = parts[i];
  }
  return ok();
}

// Nobody else must have them: commands that are started would inherit them.
Error refuse_all(int count) {
  const auto last = static_cast<unsigned>(kFirst) + static_cast<unsigned>(count) - 1;
  ::syscall(SYS_close_range, static_cast<unsigned>(kFirst), last, 0U);
  return Error{"LISTEN_FDS passes " + std::to_string(count) + " descriptors, and at most " +
               std::to_string(kMostKept) + " are taken"};
}

}  // namespace

Result<std::vector<NamedFd>> take_inherited() {
  const auto pid = take_variable("LISTEN_PID");
  const auto count_text = take_variable("LISTEN_FDS");
  const auto names = take_variable("LISTEN_FDNAMES");
  if (!pid || !count_text) return std::vector<NamedFd>{};
  const auto whose = number(*pid);
  if (!whose) return Error{"LISTEN_PID is not a number"};
  if (*whose != ::getpid()) return std::vector<NamedFd>{};
  const auto count = number(*count_text);
  if (!count) return Error{"LISTEN_FDS is not a number"};
  if (static_cast<std::size_t>(*count) > kMostKept) return refuse_all(*count);
  auto taken = take_open(static_cast<std::size_t>(*count));
  if (!taken || !names || *count == 0) return taken;
  if (auto named = name_them(taken.value(), *names); !named) return named.error();
  return taken;
}

}  // namespace hb::keep
