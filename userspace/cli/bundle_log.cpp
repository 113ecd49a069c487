#include "cli/bundle_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/uninterrupted.hpp"

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostLogBytes = std::size_t{1} << 20;
constexpr std::chrono::seconds kLogPatience{5};
constexpr const char* kJournalctl = "/usr/bin/journalctl";

Json last_lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < kBundledLines) {
    const auto before = text.rfind('\n');
    const auto begin = before == std::string_view::npos ? 0 : before + 1;
    lines.emplace_back(text.substr(begin));
    text = text.substr(0, before == std::string_view::npos ? 0 : before);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

// In the child; none of the caller's environment.
[[noreturn]] void become_journalctl(int out) {
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
  const char* const argv[] = {"journalctl", "--unit=hb-ebpf",     "--lines=200", "--no-pager",
                              "--quiet",    "--output=short-iso", nullptr};
  const char* const environment[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", nullptr};
  ::execve(kJournalctl, const_cast<char**>(argv), const_cast<char**>(environment));
  ::_exit(127);
}

// Until its end, kMostLogBytes, or the patience is over.
std::string read_all(int fd) {
  const auto deadline = Clock::now() + kLogPatience;
  std::string text;
  std::array<char, 16384> chunk{};
  while (text.size() < kMostLogBytes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{fd, POLLIN, 0};
    if (left.count() <= 0) break;
    const int ready =
        uninterrupted([&] { return ::poll(&polled, 1, static_cast<int>(left.count())); });
    if (ready <= 0) break;
    const ssize_t length = uninterrupted([&] { return ::read(fd, chunk.data(), chunk.size()); });
    if (length <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(length));
  }
  return text;
}

Result<std::string> ask_journal() {
  if (::access(kJournalctl, X_OK) != 0) return Error{std::string("there is no ") + kJournalctl};
  int ends[2] = {-1, -1};
  int code = ::pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "making a pipe");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t child = ::fork();
  code = errno;
  if (child < 0) return os_error(code, "starting journalctl");
  if (child == 0) become_journalctl(write_end.get());
  write_end.reset();
  std::string text = read_all(read_end.get());
  ::kill(child, SIGKILL);  // it has ended, or is not waited for
  uninterrupted([&] { return ::waitpid(child, nullptr, 0); });
  return text;
}

Json journal() {
  const auto text = ask_journal();
  if (!text) return {{"problem", text.error().message}, {"lines", Json::array()}};
  return {{"lines", last_lines(text.value())}};
}

Result<std::string> end_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  int code = errno;
  if (!file) return os_error(code, "opening " + path);
  struct stat seen {};
  code = ::fstat(file.get(), &seen) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "looking at " + path);
  if (!S_ISREG(seen.st_mode)) return Error{path + " is no regular file"};
  const auto most = static_cast<off_t>(kMostLogBytes);
  const off_t begin = seen.st_size > most ? seen.st_size - most : 0;
  std::string text(kMostLogBytes, '\0');
  const ssize_t length = ::pread(file.get(), text.data(), text.size(), begin);
  code = errno;
  if (length < 0) return os_error(code, "reading " + path);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

Json log_file(const std::string& path) {
  const auto text = end_of(path);
  if (!text) return {{"path", path}, {"problem", text.error().message}, {"lines", Json::array()}};
  return {{"path", path}, {"lines", last_lines(text.value())}};
}

}  // namespace

Json bundle_log(const std::vector<std::string>& files) {
  Json all{{"journal", journal()}, {"files", Json::array()}};
  for (const auto& path : files) all["files"].push_back(log_file(path));
  return all;
}

}  // namespace hb::cli
