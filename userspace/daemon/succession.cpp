#include "daemon/succession.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "keep/descriptor_store.hpp"
#include "keep/variable.hpp"
#include "observer/observer.hpp"
#include "procfs/host_facts.hpp"

namespace hb::daemon {
namespace {

// The names under which descriptors are kept, beside those of the kernel program. The socket's also
// tells which file it is bound to: "hb-socket.DEVICE.INODE".
constexpr std::string_view kSocket = "hb-socket.";
constexpr std::string_view kLock = "hb-lock";
constexpr std::string_view kNotifySocket = "hb-notify-socket.";
constexpr std::string_view kNotifyLock = "hb-notify-lock";
constexpr std::string_view kState = "hb-state";
constexpr std::string_view kOurs = "hb-";

constexpr std::uint32_t kLossesVersion = 1;  // of LossReport::Kept

std::string socket_name(std::string_view prefix, const UnixListener::Kept& socket) {
  return fmt::format("{}{}.{}", prefix, socket.device, socket.inode);
}

// False: it is not the name of a socket.
bool read_socket_name(std::string_view prefix, std::string_view name, UnixListener::Kept& socket) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  const char* end = name.data() + name.size();
  const auto device = std::from_chars(name.data(), end, socket.device);
  if (device.ec != std::errc() || device.ptr == end || *device.ptr != '.') return false;
  const auto inode = std::from_chars(device.ptr + 1, end, socket.inode);
  return inode.ec == std::errc() && inode.ptr == end;
}

bool is_same_file(const Fd& one, const Fd& other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one.get(), &first) == 0 && ::fstat(other.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Fd duplicate(const Fd& fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

Result<std::string> boot_id() {
  auto id = read_sysctl("kernel.random.boot_id");
  if (id) id.value().erase(id.value().find_last_not_of('\n') + 1);
  return id;
}

bool can_be_kept(const RunConfig& options) {
  return options.attest == Attest::Kernel && options.delivery == kernel::Delivery::Ring;
}

// FDSTORE (systemd.exec(5)): how many descriptors the store keeps. Before systemd 254 it is not
// said, and there may be one all the same.
bool has_store(const ServiceManager& manager, const RunConfig& options) {
  const auto room = keep::take_variable("FDSTORE");
  if (!manager.is_there() || room == "0") return false;
  if (room && !can_be_kept(options)) {
    spdlog::info("the next observer will begin anew: it can go on only with --delivery ring");
  }
  return true;
}

}  // namespace

Succession::Succession(Result<std::vector<keep::NamedFd>> inherited, Fd passed,
                       ServiceManager& manager, const RunConfig& options)
    : manager_(manager),
      options_(options),
      passed_(std::move(passed)),
      is_wanted_(has_store(manager, options) && can_be_kept(options)) {
  if (!inherited) {
    spdlog::warn("{}: nothing is taken over", inherited.error().message);
    return;
  }
  for (keep::NamedFd& one : inherited.value()) {
    if (one.name.starts_with(kOurs)) {
      inherited_.push_back(std::move(one));
    } else {
      spdlog::warn("a descriptor that was passed as '{}' is closed: it is not known", one.name);
    }
  }
}

Result<std::unique_ptr<intake::Intake>> Succession::go_on(const intake::IntakeConfig& wanted,
                                                          const Clock& clock) {
  if (!inherited_.empty()) {
    auto taken = take_over(wanted, clock);
    if (taken || taken.error().code == EBUSY) return taken;
    spdlog::warn("{}: all that was kept is given up, and the observer begins anew",
                 taken.error().message);
    give_up();
  }
  if (is_wanted_) begin(clock);
  return std::unique_ptr<intake::Intake>();
}

Result<std::unique_ptr<intake::Intake>> Succession::take_over(const intake::IntakeConfig& wanted,
                                                              const Clock& clock) {
  if (!is_wanted_) {
    return Error{"only with --attest kernel and --delivery ring, and with a store, one can go on"};
  }
  auto left = sort_out();
  if (!left) return left.error();
  const UnixListener::Kept& socket = left.value().socket;
  if (!left.value().state) return Error{"the state was not kept"};
  if (auto checked = check_socket(socket); !checked) return checked.error();
  const auto id = boot_id();
  if (!id) return id.error();
  auto state =
      StateMemory::adopt(std::move(left.value().state), layout(), id.value(), clock.now_ns());
  if (!state) return state.error();
  if (auto claimed = state.value().claim(); !claimed) return claimed.error();
  auto program = kernel::StampProgram::adopt(std::move(left.value().program), wanted.kernel);
  if (!program) return program.error();
  auto sockets = adopt_sockets(std::move(left).value());
  if (!sockets) return sockets.error();
  auto intake =
      intake::Intake::go_on(wanted, std::move(program).value(), std::move(sockets).value(),
                            options_.socket_places(), clock.now_ns());
  if (!intake) return intake.error();
  state_.emplace(std::move(state).value());
  has_gone_on_ = true;
  passed_.reset();
  std::erase_if(inherited_, [](const keep::NamedFd& one) { return one.name != kState; });
  return intake;
}

Result<intake::Intake::GoOn> Succession::adopt_sockets(Left left) const {
  const auto places = options_.socket_places();
  auto listener = UnixListener::adopt(std::move(left.socket), places.agents);
  if (!listener) return listener.error();
  intake::Intake::GoOn sockets{std::move(listener).value(), nullptr};
  if (!places.notify) return sockets;
  auto notify = UnixListener::adopt(std::move(left.notify), *places.notify);
  if (!notify) return notify.error();
  sockets.notify = std::move(notify).value();
  return sockets;
}

// Who has bound it: a predecessor, with a claim on the path, or a socket unit, which passes it
// again.
Result<> Succession::check_socket(const UnixListener::Kept& socket) const {
  if (!socket.socket || (!socket.lock && !passed_)) return Error{"socket or claim were not kept"};
  if (!passed_ || is_same_file(passed_, socket.socket)) return ok();
  return Error{"the socket unit has passed another socket than the one that was kept"};
}

// Duplicates, of what there is: the originals are needed to give all up. But a process loses its
// claim on the state when it closes any descriptor of it, so its original stays open.
Result<Succession::Left> Succession::sort_out() const {
  Left left;
  for (const keep::NamedFd& one : inherited_) {
    Fd fd = duplicate(one.fd);
    const int code = errno;
    if (!fd) return os_error(code, "taking over " + one.name);
    if (one.name == kLock) {
      left.socket.lock = std::move(fd);
    } else if (one.name == kState) {
      left.state = std::move(fd);
    } else if (one.name == kNotifyLock) {
      left.notify.lock = std::move(fd);
    } else if (read_socket_name(kSocket, one.name, left.socket)) {
      left.socket.socket = std::move(fd);
    } else if (read_socket_name(kNotifySocket, one.name, left.notify)) {
      left.notify.socket = std::move(fd);
    } else {
      left.program.insert_or_assign(one.name, std::move(fd));
    }
  }
  return left;
}

StateMemory::Layout Succession::layout() const {
  Observer::Config config;
  config.tracker_capacity = options_.tracker_capacity;
  StateMemory::Layout layout = Observer::layout(config);
  layout[StateRegion::Losses] = {.version = kLossesVersion, .bytes = sizeof(LossReport::Kept)};
  return layout;
}

LossReport::Kept* Succession::losses() const {
  if (!state_) return nullptr;
  return reinterpret_cast<LossReport::Kept*>(state_->region(StateRegion::Losses).data());
}

void Succession::give_up() {
  auto left = sort_out();
  if (left) {
    UnixListener::give_up(std::move(left.value().socket), options_.socket.path);
    if (options_.notify_socket) {
      UnixListener::give_up(std::move(left.value().notify), *options_.notify_socket);
    }
  }
  if (manager_.is_there()) {
    keep::DescriptorStore store(manager_.socket());
    for (const keep::NamedFd& one : inherited_) {
      if (auto removed = store.remove(one.name); !removed) {
        spdlog::warn("{}", removed.error().message);
      }
    }
  }
  inherited_.clear();
}

// Without one, the observer works as always, and nothing is left.
void Succession::begin(const Clock& clock) {
  const auto begun = create_state(clock);
  if (begun) return;
  state_.reset();
  spdlog::warn("{}: no successor can go on", begun.error().message);
}

Result<> Succession::create_state(const Clock& clock) {
  const auto id = boot_id();
  if (!id) return id.error();
  auto created = StateMemory::create(
      layout(), {.boot_id = id.value(), .run_id = "", .start_ns = clock.now_ns()});
  if (!created) return created.error();
  state_.emplace(std::move(created).value());
  return state_->claim();
}

// What this process has gone on with is in the store.
void Succession::leave(intake::Intake& intake) {
  if (!state_) return;
  const auto stored = has_gone_on_ ? ok() : store(intake);
  if (!stored) {
    spdlog::warn("{}: no successor can go on", stored.error().message);
    return;
  }
  is_left_ = true;
  intake.leave_at_end();
}

Result<> Succession::store(const intake::Intake& intake) const {
  auto kept = intake.keep();
  if (!kept) return kept.error();
  keep::DescriptorStore store(manager_.socket());
  const auto put = [&](std::string_view name, int fd) { return store.put(name, {&fd, 1}); };
  for (const auto& [name, fd] : kept.value().program) {
    if (auto done = put(name, fd.get()); !done) return done;
  }
  if (const auto& notify = kept.value().notify) {
    if (auto done = put(kNotifyLock, notify->lock.get()); !done) return done;
    const auto done = put(socket_name(kNotifySocket, *notify), notify->socket.get());
    if (!done) return done;
  }
  const UnixListener::Kept& socket = kept.value().socket;
  if (socket.lock) {
    if (auto done = put(kLock, socket.lock.get()); !done) return done;
  }
  if (auto done = put(kState, state_->fd()); !done) return done;
  return put(socket_name(kSocket, socket), socket.socket.get());
}

}  // namespace hb::daemon
