#include "publish/publisher_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "observer/source.hpp"
#include "publish/http_server.hpp"
#include "publish/metrics_page.hpp"
#include "publish/publisher_filter.hpp"
#include "publish/status_document.hpp"
#include "publish/status_server.hpp"
#include "recovery/cgroup_services.hpp"
#include "recovery/command_priority.hpp"
#include "recovery/forked_process.hpp"
#include "transport/descriptors.hpp"
#include "transport/unix_stream_listener.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kFresh_ns = kNsPerSecond;
constexpr std::uint64_t kPatience_ns = 1200 * kNsPerMs;  // for the loop, which looks twice a second
constexpr std::uint64_t kLook_ns = 20 * kNsPerMs;        // for what it has written
constexpr std::uint64_t kPage_ns = 200 * kNsPerMs;       // a page is made at most so often
constexpr unsigned kUnavailable = 503;
constexpr unsigned kNotFound = 404;

using Text = std::shared_ptr<const std::string>;

Text text(std::string what) { return std::make_shared<const std::string>(std::move(what)); }

// A page that was made, for whoever asks for it again soon.
struct MadePage {
  std::uint64_t made_ns = 0;
  Text text;

  [[nodiscard]] bool is_good_at(std::uint64_t now_ns) const {
    return text && now_ns - made_ns < kPage_ns;
  }
};

class PublisherProcess final : public HttpPages {
 public:
  PublisherProcess(const PublisherConfig& config, Board& board, const Fd& control, Fd stat,
                   Fd cgroups)
      : config_(config),
        board_(board),
        control_(control),
        stat_(std::move(stat)),
        cgroups_(std::move(cgroups)),
        layout_(config.metrics),
        services_(board, [this] { return start_names(); }),
        figures_(std::make_unique<Figures>()),
        agents_(std::make_unique<AgentRows>()) {}

  Result<> serve_http(Fd listening) {
    auto library = HttpLibrary::load();
    if (!library) return library.error();
    auto server = HttpServer::start(library.value(), std::move(listening), config_.auth, *this);
    if (!server) return server.error();
    http_ = std::move(server).value();
    return ok();
  }

  [[noreturn]] void run() {
    for (;;) {
      wait();
      take_words();
      now_ns_ = clock_.now_ns();
      services_.look(now_ns_);
      if (http_) {
        http_->resume();
        http_->turn(now_ns_);
      }
      if (status_) status_->turn(now_ns_);
    }
  }

  std::optional<HttpPage> page(std::string_view path, std::string_view accept,
                               std::uint64_t since_ns) override {
    if (path == "/metrics") return metrics(Exposition::asked_for(accept), since_ns);
    if (path == "/healthz") return health_page(&Health::is_healthy);
    if (path == "/readyz") return health_page(&Health::is_ready);
    return HttpPage{.status = kNotFound, .body = text("/metrics, /healthz or /readyz\n")};
  }

 private:
  void wait() {
    std::vector<pollfd> polled{{control_.get(), POLLIN, 0}};
    const auto add = [&](int fd, short events) {
      if (fd >= 0) polled.push_back({fd, events, 0});
    };
    add(services_.fd(), POLLIN);
    now_ns_ = clock_.now_ns();
    std::uint64_t wake_ns = services_.wake_ns();
    bool waits = false;
    if (http_) {
      add(http_->fd(), POLLIN);
      wake_ns = std::min(wake_ns, http_->wake_ns(now_ns_));
      waits = http_->has_waiting();
    }
    if (status_) {
      add(status_->fd(), POLLIN);
      for (const int fd : status_->writing_fds()) add(fd, POLLOUT);
      wake_ns = std::min(wake_ns, status_->wake_ns());
      waits = waits || status_->has_waiting();
    }
    if (waits) wake_ns = std::min(wake_ns, now_ns_ + kLook_ns);
    const std::uint64_t rest_ns = wake_ns > now_ns_ ? wake_ns - now_ns_ : 0;
    const timespec timeout{static_cast<time_t>(rest_ns / kNsPerSecond),
                           static_cast<long>(rest_ns % kNsPerSecond)};
    ::ppoll(polled.data(), polled.size(), wake_ns == Source::kNever ? nullptr : &timeout, nullptr);
  }

  void take_words() {
    for (;;) {
      std::uint8_t word = 0;
      ReceivedDescriptors received;
      const ssize_t length = receive_with_descriptors(
          control_.get(), std::as_writable_bytes(std::span(&word, 1)), received, MSG_DONTWAIT);
      const int code = errno;
      if (length < 0 && (code == EINTR || code == EMSGSIZE)) continue;
      if (length < 0 && code == EAGAIN) return;
      if (length <= 0) ::_exit(0);
      if (static_cast<PublisherWord>(word) != PublisherWord::ServeStatus || !received[0]) continue;
      // One that was bound while the observer ran does not listen yet.
      ::listen(received[0].get(), kUnixStreamBacklog);
      status_ = std::make_unique<StatusServer>(
          std::move(received[0]), [this](std::uint64_t since_ns) { return document(since_ns); });
    }
  }

  std::unique_ptr<ServiceNames> start_names() {
    if (!cgroups_) return nullptr;
    auto paths = CgroupPaths::start({}, std::move(cgroups_), [] { return ok(); });
    if (!paths) return nullptr;
    return std::make_unique<CgroupServices>(std::move(paths).value(), config_.cgroup_of_commands);
  }

  // Whether the loop has written since, or will not. It has not begun where its age is not known.
  bool is_fresh(std::uint64_t written_ns, std::uint64_t since_ns, const Health& health) const {
    const bool stands_still = !health.is_healthy && health.loop_age_ns;
    return written_ns + kFresh_ns >= since_ns || stands_still || now_ns_ - since_ns >= kPatience_ns;
  }

  std::optional<HttpPage> metrics(Exposition::Format format, std::uint64_t since_ns) {
    now_ns_ = clock_.now_ns();
    board_.asked_ns.store(now_ns_, std::memory_order_relaxed);
    const bool wants_agents = config_.metrics_per_agent > 0;
    if (wants_agents) board_.asked_for_agents_ns.store(now_ns_, std::memory_order_relaxed);
    MadePage& made = metrics_[static_cast<std::size_t>(format)];
    if (!made.is_good_at(now_ns_)) {
      const Health health = judge();
      if (!read(wants_agents, since_ns, health)) return std::nullopt;
      made = {now_ns_, text(metrics_page(view(health), format))};
    }
    return HttpPage{.media_type = Exposition::media_type(format), .body = made.text};
  }

  StatusServer::Document document(std::uint64_t since_ns) {
    now_ns_ = clock_.now_ns();
    board_.asked_ns.store(now_ns_, std::memory_order_relaxed);
    board_.asked_for_agents_ns.store(now_ns_, std::memory_order_relaxed);
    if (document_.is_good_at(now_ns_)) return document_.text;
    const Health health = judge();
    if (!read(true, since_ns, health)) return nullptr;
    document_ = {now_ns_, text(status_document(view(health)))};
    return document_.text;
  }

  HttpPage health_page(bool Health::*is_good) {
    now_ns_ = clock_.now_ns();
    const Health health = judge();
    if (health.*is_good) return {.body = text("ok\n")};
    std::string why;
    for (const std::string& reason : health.reasons) (why += reason) += '\n';
    return {.status = kUnavailable, .body = text(std::move(why))};
  }

  // False: worth waiting for.
  bool read(bool agents, std::uint64_t since_ns, const Health& health) {
    // What cannot be read is as it was.
    [[maybe_unused]] const bool has_figures = board_.figures.read(*figures_);
    bool is_good = is_fresh(figures_->written_ns, since_ns, health);
    if (agents) {
      [[maybe_unused]] const bool has_agents = board_.agents.read(*agents_);
      is_good = is_good && is_fresh(agents_->written_ns, since_ns, health);
    }
    return is_good;
  }

  [[nodiscard]] Health judge() const { return judge_health(board_, config_.limits, now_ns_); }

  View view(const Health& health) const {
    return {.run = config_.run,
            .layout = layout_,
            .services = services_,
            .figures = *figures_,
            .agents = *agents_,
            .health = health,
            .now_ns = now_ns_,
            .process = read_stat(stat_),
            .metrics_per_agent = config_.metrics_per_agent};
  }

  const PublisherConfig& config_;
  Board& board_;
  const Fd& control_;
  const Fd stat_;  // of the observer
  Fd cgroups_;     // until their names are asked for
  const MonotonicClock clock_;
  const TotalsLayout layout_;
  ServiceTable services_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<StatusServer> status_;
  std::unique_ptr<Figures> figures_;
  std::unique_ptr<AgentRows> agents_;
  std::array<MadePage, 2> metrics_;  // by Exposition::Format
  MadePage document_;
  std::uint64_t now_ns_ = 0;
};

// The observer's may be raised from outside (`nice -20`): it is to be ahead of everybody, but not
// this process. Where it may not be changed, it stays.
void take_normal_priority() {
  const auto normal = CommandPriority::prepare(std::nullopt, {});
  if (normal) static_cast<void>(normal.value().take());
}

Result<> prepare(const PublisherConfig& config, pid_t parent, const std::vector<Fd*>& kept) {
  if (auto detached = detach_from_parent("hb-ebpf-publish", kept); !detached) return detached;
  take_normal_priority();
  if (auto became = config.become_user(); !became) return became;
  return renounce_privileges(parent);
}

// As the user that it is from now on: the kernel compares the one who asks with the one who is to
// be killed (F_SETOWN in fcntl(2)).
Result<> die_with_pipe(const Fd& lifeline) {
  const int fd = lifeline.get();
  const bool is_set = ::fcntl(fd, F_SETOWN, ::getpid()) == 0 &&
                      ::fcntl(fd, F_SETSIG, SIGKILL) == 0 && ::fcntl(fd, F_SETFL, O_ASYNC) == 0;
  const int code = errno;
  if (!is_set) return os_error(code, "cannot tie the publisher process to the observer (fcntl)");
  pollfd polled{fd, 0, 0};
  if (::poll(&polled, 1, 0) != 0) ::_exit(1);  // it ended before that
  return ok();
}

void say_hello(const Fd& control, const Result<>& prepared) {
  PublisherHello hello;
  if (!prepared) {
    std::strncpy(hello.problem.data(), prepared.error().message.c_str(), hello.problem.size() - 1);
    hello.code = prepared.error().code;
  }
  const ssize_t sent = ::send(control.get(), &hello, sizeof(hello), MSG_NOSIGNAL);
  if (sent != sizeof(hello) || !prepared) ::_exit(1);
}

void run(const PublisherConfig& config, Board& board, PublisherDescriptors& descriptors,
         pid_t parent) {
  auto& [control, lifeline, http, stat, cgroups] = descriptors;
  std::vector<Fd*> kept{&control, &lifeline};
  for (Fd* fd : {&http, &stat, &cgroups}) {
    if (*fd) kept.push_back(fd);
  }
  if (auto prepared = prepare(config, parent, kept); !prepared) say_hello(control, prepared);
  if (auto tied = die_with_pipe(lifeline); !tied) say_hello(control, tied);
  PublisherProcess process(config, board, control, std::move(stat), std::move(cgroups));
  auto ready = http ? process.serve_http(std::move(http)) : ok();
  if (ready && config.has_filter) ready = refuse_what_a_publisher_needs_not();
  say_hello(control, ready);
  process.run();
}

}  // namespace

void run_publisher(const PublisherConfig& config, Board& board, PublisherDescriptors descriptors,
                   pid_t parent) {
  try {
    run(config, board, descriptors, parent);
  } catch (const std::bad_alloc&) {
    // Also later, when nobody reads it any more.
    say_hello(descriptors.control, os_error(ENOMEM, "the publisher process has no memory"));
  } catch (...) {
  }
  ::_exit(1);
}

}  // namespace hb
