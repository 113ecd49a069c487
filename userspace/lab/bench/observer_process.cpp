#include "lab/bench/observer_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/units.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

using Json = nlohmann::json;

std::uint64_t patience_ns() { return now_ns() + std::uint64_t{Lab::kPatience_ms} * kNsPerMs; }

std::vector<std::string> flags_of(Way way) {
  switch (way) {
    case Way::Raw: return {};
    case Way::Procfs: return {"--attest", "procfs"};
    case Way::KernelSocket: return {};
    case Way::KernelRing: return {"--delivery", "ring"};
  }
  return {};
}

std::vector<std::string> command(const Lab& lab, Way way, const std::string& socket,
                                 const std::vector<std::string>& flags) {
  std::vector<std::string> words = {lab.executable, "run",         "--socket",
                                    socket,         "--log-level", "error"};
  for (const auto& more : {flags_of(way), flags})
    words.insert(words.end(), more.begin(), more.end());
  return words;
}

// 0: there is none, or it is not known.
template <typename Number>
Number number(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<Number>() : 0;
}

ObserverProcess::Counters flat(const Json& counters) {
  ObserverProcess::Counters flat;
  for (const auto& [metric, value] : counters.items()) {
    if (value.is_number()) flat[metric] = value.get<std::uint64_t>();
    if (!value.is_object()) continue;
    for (const auto& [label, count] : value.items()) flat[metric + "/" + label] = count;
  }
  return flat;
}

Result<std::optional<ObserverProcess::Said>> said(const std::string& line, std::uint64_t read_ns) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Error{"`hb-ebpf run` said: " + line};
  ObserverProcess::Said said;
  said.event = json.value("event", "");
  said.cause = json.value("cause", "");
  said.pid = number<std::uint32_t>(json, "pid");
  said.attested_pid = number<std::uint32_t>(json, "attested_pid");
  said.nonce = json.value(json.contains("last_nonce") ? "last_nonce" : "nonce", std::uint64_t{0});
  said.payload = json.value("payload", 0U);
  if (json.contains("counters")) said.counters = flat(json["counters"]);
  said.observer_ns = number<std::uint64_t>(json, "observer_ns");
  said.read_ns = read_ns;
  return std::optional(said);
}

[[noreturn]] void become(std::vector<std::string>& words, int out, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::dup2(out, STDOUT_FILENO) >= 0) ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::vector<std::string> quiet() {
  return {"--events", "json", "--beats", "none", "--threshold-ms", "86400000"};
}

Result<ObserverProcess> ObserverProcess::start(const Lab& lab, Way way, const std::string& socket,
                                               const std::vector<std::string>& flags) {
  std::array<int, 2> ends{};
  const int refused = ::pipe2(ends.data(), O_CLOEXEC);
  int code = errno;
  if (refused != 0) return os_error(code, "cannot make a pipe");
  Fd reads(ends[0]);
  Fd writes(ends[1]);
  auto words = command(lab, way, socket, flags);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  code = errno;
  if (pid < 0) return os_error(code, "cannot make a process");
  if (pid == 0) become(words, writes.get(), self);
  ObserverProcess process(lab, pid, std::move(reads));
  writes.reset();  // so that the stream ends with it
  const auto ready = process.next_line(patience_ns());
  if (!ready) return Error{"`hb-ebpf run` does not start: " + ready.error().message};
  if (!ready.value()) return Error{"`hb-ebpf run` does not get ready"};
  return process;
}

ObserverProcess::ObserverProcess(ObserverProcess&& other) noexcept
    : lab_(other.lab_),
      pid_(std::exchange(other.pid_, -1)),
      out_(std::move(other.out_)),
      buffer_(std::move(other.buffer_)),
      read_ns_(other.read_ns_) {}

ObserverProcess::~ObserverProcess() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  reap();
}

int ObserverProcess::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

Result<std::uint64_t> ObserverProcess::cpu_ns() const { return process_cpu_ns(pid_); }

std::optional<std::string> ObserverProcess::buffered_line() {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

Result<std::optional<ObserverProcess::Said>> ObserverProcess::next_line(std::uint64_t deadline_ns) {
  for (;;) {
    if (const auto line = buffered_line()) return said(*line, read_ns_);
    const std::uint64_t now = now_ns();
    const timespec timeout = as_timespec(deadline_ns > now ? deadline_ns - now : 0);
    std::array<pollfd, 2> polled{{{out_.get(), POLLIN, 0}, {lab_->stop_fd, POLLIN, 0}}};
    const int ready = ::ppoll(polled.data(), polled.size(), &timeout, nullptr);
    if (ready > 0 && polled[1].revents != 0) return Error{"interrupted", EINTR};
    if (ready == 0) return std::optional<Said>{};
    if (ready < 0) continue;
    std::array<char, 65'536> text;
    const ssize_t length = ::read(out_.get(), text.data(), text.size());
    const int code = errno;
    read_ns_ = now_ns();
    if (length < 0 && code == EINTR) continue;
    if (length <= 0) return Error{"its event stream has ended", EPIPE};
    buffer_.append(text.data(), static_cast<std::size_t>(length));
  }
}

Result<ObserverProcess::End> ObserverProcess::end(const std::function<void(const Said&)>& on_line) {
  const std::uint64_t asked_ns = now_ns();
  ::kill(pid_, SIGTERM);
  Said last;
  const auto read = read_until(patience_ns(), [&](const Said& said) {
    if (on_line) on_line(said);
    last = said;
  });
  if (read) return Error{"`hb-ebpf run` does not end"};
  if (read.error().code != EPIPE) return read.error();
  const int status = reap();
  const std::uint64_t took_ns = now_ns() - asked_ns;
  if (status != 0) return Error{"`hb-ebpf run` failed, status " + std::to_string(status)};
  if (last.event != "stopped") return Error{"`hb-ebpf run` ended without its last line"};
  return End{took_ns, last.counters["beats_total"], last.counters};
}

}  // namespace hb::bench
