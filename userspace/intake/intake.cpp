#include "intake/intake.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <cerrno>

#include "intake/agent_socket.hpp"
#include "intake/procfs_source.hpp"
#include "intake/stamp_totals.hpp"
#include "observer/tracker.hpp"
#include "procfs/namespace_link.hpp"

namespace hb::intake {

Result<std::unique_ptr<Intake>> Intake::open(const IntakeConfig& config,
                                             std::unique_ptr<kernel::StampProgram> program,
                                             std::uint64_t start_ns, Fd passed) {
  std::unique_ptr<Intake> intake(new Intake(std::move(program)));
  if (auto opened = intake->open_wake(); !opened) return opened.error();
  auto opened = intake->open_socket(config, std::move(passed));
  if (!opened) return opened.error();
  if (intake->program_) {
    if (auto ready = intake->attest_by_kernel(config, start_ns); !ready) return ready.error();
    if (auto notify = intake->open_notify(config, start_ns); !notify) return notify.error();
  } else {
    intake->attest_by_procfs(start_ns);
  }
  return intake;
}

Result<std::unique_ptr<Intake>> Intake::go_on(const IntakeConfig& config,
                                              std::unique_ptr<kernel::StampProgram> program,
                                              GoOn sockets, const SocketPlaces& places,
                                              std::uint64_t start_ns) {
  std::unique_ptr<Intake> intake(new Intake(std::move(program)));
  intake->listener_ = std::move(sockets.listener);
  intake->wanted_queue_length_ = config.kernel.queue_length;
  if (auto proven = intake->prove_socket(places.agents.path); !proven) return proven.error();
  if (auto opened = intake->open_wake(); !opened) return opened.error();
  if (auto ready = intake->attest_by_kernel(config, start_ns); !ready) return ready.error();
  if (auto opened = intake->check_self(places.agents.path); !opened) return opened.error();
  if (!places.notify) return intake;
  auto notify =
      NotifyIntake::go_on(*intake->program_, std::move(sockets.notify), places.notify->path,
                          start_ns, &intake->program_->note_progress());
  if (!notify) return notify.error();
  intake->notify_ = std::move(notify).value();
  if (auto woken = intake->wake_for(intake->program_->notes_fd()); !woken) return woken.error();
  return intake;
}

// By the path, as agents send, so the echo shows both: that the socket has the program, and that
// agents reach it.
Result<> Intake::prove_socket(const std::string& path) {
  const auto frame = program_->begin_echo();
  if (!frame) return frame.error();
  const int code = send_once(path, frame.value());
  const auto heard = program_->end_echo(frame.value());
  return heard || code == 0 ? heard : os_error(code, heard.error().message);
}

Result<Intake::Kept> Intake::keep() const {
  auto program = program_->keep();
  if (!program) return program.error();
  auto socket = listener_->keep();
  if (!socket) return socket.error();
  Kept kept{std::move(program).value(), std::move(socket).value(), std::nullopt};
  if (notify_ == nullptr) return kept;
  auto notify = notify_->keep();
  if (!notify) return notify.error();
  kept.notify = std::move(notify).value();
  return kept;
}

void Intake::leave_at_end() {
  listener_->leave_at_end();
  if (notify_ != nullptr) notify_->leave_at_end();
}

Result<> Intake::withdraw() {
  const auto withdrawn = listener_->withdraw();
  const auto notify = notify_ != nullptr ? notify_->withdraw() : ok();
  return withdrawn ? notify : withdrawn;
}

void Intake::end_left() {
  if (listener_->is_passed() && ring_ != nullptr) program_->queue_too(true);
}

Result<> Intake::open_socket(const IntakeConfig& config, Fd passed) {
  wanted_queue_length_ = config.kernel.queue_length;
  auto opened = open_agent_socket(program_.get(), wanted_queue_length_, std::move(passed));
  if (!opened) return opened.error();
  AgentSocket socket = std::move(opened).value();
  listener_ = std::move(socket.listener);
  queue_length_ = socket.queue_length;
  if (socket.queue_problem) spdlog::warn("{}", socket.queue_problem->message);
  return ok();
}

Result<> Intake::open_notify(const IntakeConfig& config, std::uint64_t start_ns) {
  if (program_->notes() == nullptr) return ok();
  hb_progress* progress = config.is_kept ? &program_->note_progress() : nullptr;
  auto opened = NotifyIntake::open(*program_, start_ns, progress);
  if (!opened) return opened.error();
  notify_ = std::move(opened).value();
  return wake_for(program_->notes_fd());
}

Result<> Intake::attest_by_kernel(const IntakeConfig& wanted, std::uint64_t start_ns) {
  kernel::Config config = wanted.kernel;
  config.queue_length = queue_length_;
  if (program_->delivery() != config.delivery) {
    spdlog::info(
        "using --delivery ring: on this kernel the program cannot see whether a datagram carries "
        "descriptors");
  }
  switch (program_->delivery()) {
    case kernel::Delivery::Socket: take_from_socket(config, start_ns); break;
    case kernel::Delivery::Ring: take_from_ring(wanted, start_ns); break;
  }
  attempts_.emplace(program_->senders());
  ns_inode_ = program_->observer_ns_inode();
  watch_exits(wanted);
  return wake_for(program_->ring_fd());
}

Result<> Intake::open_wake() {
  wake_.reset(::epoll_create1(EPOLL_CLOEXEC));
  const int code = errno;
  return wake_ ? ok() : Result<>(os_error(code, "cannot watch the stamp ring (epoll_create1)"));
}

// Edge-triggered, as a ring is readable whenever it has unread records, which is nearly always.
Result<> Intake::wake_for(int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  const int refused = ::epoll_ctl(wake_.get(), EPOLL_CTL_ADD, fd, &event);
  const int code = errno;
  if (refused == 0) return ok();
  return os_error(code, "cannot watch the ring, or the former socket (epoll_ctl)");
}

Result<> Intake::bind(const SocketPlaces& places) {
  if (auto bound = listener_->bind(places.agents); !bound) return bound;
  if (auto checked = check_self(places.agents.path); !checked) return checked;
  return notify_ != nullptr ? notify_->bind(*places.notify) : ok();
}

Result<> Intake::check_self(const std::string& path) {
  auto opened = SelfBeat::open(program_.get(), *listener_, path);
  if (!opened) return opened.error();
  self_beat_.emplace(std::move(opened).value());
  return ok();
}

Result<> Intake::check_reach(std::uint64_t now_ns) {
  auto reached = self_beat_->check(ring_read(), now_ns);
  if (!reached || notify_ == nullptr) return reached;
  return notify_->check_reach(now_ns);
}

SelfBeat::RingRead Intake::ring_read() const {
  if (stamped_ != nullptr) return {stamped_->self_beat_ns(), stamped_->ring_reads()};
  return ring_ != nullptr ? SelfBeat::RingRead{ring_->self_beat_ns(), ring_->ring_reads()}
                          : SelfBeat::RingRead{0, 0};
}

Result<> Intake::rebind() {
  const bool is_notify_lost = notify_ != nullptr && notify_->has_lost_path();
  const auto agents = is_notify_lost && listener_->check_name() ? ok() : rebind_agents();
  const auto notify = is_notify_lost ? notify_->rebind() : ok();
  return agents ? notify : agents;
}

Result<> Intake::rebind_agents() {
  if (auto claimed = listener_->claim_name(); !claimed) return claimed;
  auto opened = open_agent_socket(program_.get(), wanted_queue_length_);
  if (!opened) return opened.error();
  if (auto bound = listener_->rebind(*opened.value().listener); !bound) return bound;
  if (opened.value().queue_length != queue_length_) {
    spdlog::warn("the new socket's queue holds {} datagrams, the former one's held {}",
                 opened.value().queue_length, queue_length_);
  }
  return wake_for(listener_->former_fd());
}

void Intake::take_from_socket(const kernel::Config& config, std::uint64_t start_ns) {
  auto source = std::make_unique<StampedSource>(
      *program_, *listener_, config, StampTable::Seed{random_seed(), random_seed()}, start_ns);
  stamped_ = source.get();
  source_ = std::move(source);
}

void Intake::take_from_ring(const IntakeConfig& config, std::uint64_t start_ns) {
  auto source = std::make_unique<RingSource>(*program_, *listener_, config.kernel, start_ns,
                                             progress(config));
  ring_ = source.get();
  if (listener_->is_passed()) ring_->discard_queue();
  source_ = std::move(source);
}

hb_progress* Intake::progress(const IntakeConfig& config) const {
  return config.is_kept ? &program_->progress() : nullptr;
}

void Intake::watch_exits(const IntakeConfig& config) {
  if (const auto& problem = program_->fatal_problem()) {
    spdlog::info("{}: recovery does not wait for core dumps", problem->message);
  }
  if (program_->exits() == nullptr) {
    spdlog::warn("{}: an agent that ends is reported when its silence has lasted --threshold-ms",
                 program_->exits_problem()->message);
    return;
  }
  exits_ = std::make_unique<RingExits>(*program_->exits(), progress(config));
}

Result<> Intake::open_udp(const IntakeConfig& config, secure::Keys keys, std::uint64_t start_ns) {
  auto opened = UdpIntake::open(config.udp, std::move(keys), config.threshold_ns, start_ns);
  if (!opened) return opened.error();
  udp_ = std::move(opened).value();
  return ok();
}

std::vector<std::string> Intake::udp_addresses() const {
  std::vector<std::string> addresses;
  if (udp_ == nullptr) return addresses;
  for (const auto& port : udp_->ports()) addresses.push_back(port.where);
  return addresses;
}

std::vector<Source*> Intake::sources() const {
  std::vector<Source*> sources{source_.get()};
  if (notify_ != nullptr) sources.push_back(&notify_->source());
  if (udp_ == nullptr) return sources;
  for (const auto& port : udp_->ports()) sources.push_back(port.source.get());
  return sources;
}

std::vector<PollSource> Intake::poll_sources() const {
  std::vector<PollSource> sources{{listener_->fd(), source_.get()}};
  sources.push_back({.fd = wake_.get(), .is_epoll = true});
  if (exits_ != nullptr) sources.push_back({program_->exits_fd()});
  if (udp_ == nullptr) return sources;
  for (const auto& port : udp_->ports()) {
    sources.push_back({port.listener->fd(), port.source.get()});
  }
  return sources;
}

void Intake::attest_by_procfs(std::uint64_t start_ns) {
  source_ = std::make_unique<ProcfsSource>(*listener_, start_ns, queue_length_);
  const auto inode = own_pid_namespace();
  if (inode) {
    ns_inode_ = inode.value();
  } else {
    spdlog::warn("{}: every agent will be treated as one of another PID namespace",
                 inode.error().message);
  }
}

// Reading /proc/<pid>/ns/pid of other users' processes needs a capability; stamps need none.
std::optional<int> Intake::needed_capability() const {
  if (program_) return std::nullopt;
  return CAP_SYS_PTRACE;
}

// Every notify message's stamp is with it: matched when it is read.
kernel::StampCounters Intake::counters() const {
  kernel::StampCounters counters = stamped_ != nullptr ? stamped_->counters() : ring_->counters();
  if (notify_ == nullptr) return counters;
  counters.correlator.stamps += notify_->source().messages();
  counters.correlator.matched += notify_->source().messages();
  counters.malformed += notify_->source().malformed();
  return counters;
}

void Intake::append_totals(Totals& totals) const {
  if (program_ != nullptr) intake::append_totals(totals, counters());
  if (udp_) udp_->append_totals(totals);
}

}  // namespace hb::intake
