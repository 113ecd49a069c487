#include "kernel/stamp_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <span>
#include <utility>

#include "base/address_space.hpp"
#include "base/units.hpp"
#include "hb.skel.h"
#include "kernel/libbpf_log.hpp"
#include "kernel/program_object.hpp"
#include "kernel/self_test.hpp"
#include "kernel/settings.hpp"
#include "kernel/trace_event.hpp"

namespace hb::kernel {
namespace {

// Direct loads are faster and work under lockdown; but without those kfuncs they leave the
// credentials out of the stamps, so there they come second.
std::array<ReadMethod, 2> preference() {
  if (has_context_kfuncs()) return {ReadMethod::DirectLoads, ReadMethod::ProbeRead};
  return {ReadMethod::ProbeRead, ReadMethod::DirectLoads};
}

// Whether the program sees the socket buffer's control block: credentials and descriptors.
bool sees_control_block(ReadMethod method) {
  return method == ReadMethod::ProbeRead || has_context_kfuncs();
}

constexpr std::uint64_t kBurst_ns = kNsPerSecond;  // a burst of one second's worth

// The budget of an owner: 20 beats a second for each of its agents, but at least 20,000 beats a
// second, with bursts of 200 ms. 20,000 beats a second cost the observer 4 % of a CPU with socket
// delivery.
constexpr std::uint64_t kBeatsOfAgent = 20;
constexpr std::uint64_t kLeastOwnerRate = 20'000;
constexpr std::uint64_t kOwnerBurst_ns = kNsPerSecond / 5;
constexpr std::size_t kOwnersOfTable = 16;  // an owner may have this fraction of the senders' table

constexpr std::uint64_t kRecordBytes = sizeof(hb_stamp) + BPF_RINGBUF_HDR_SZ;

void set_budgets(hb_settings& settings, const Config& config) {
  const std::uint64_t rate =
      std::max({config.agents_per_owner * kBeatsOfAgent, config.max_beat_rate, kLeastOwnerRate});
  settings.owner_interval_ns = std::max<std::uint64_t>(1, kNsPerSecond / rate);
  settings.owner_burst_ns = kOwnerBurst_ns;
  settings.owner_senders = static_cast<std::uint32_t>(
      std::max(config.agents_per_owner, config.senders / kOwnersOfTable));
}

}  // namespace

hb_settings settings_of(const Config& config, Delivery delivery, ReadMethod method) {
  hb_settings settings{};
  if (config.max_beat_rate > 0) {
    settings.beat_interval_ns = std::max<std::uint64_t>(1, kNsPerSecond / config.max_beat_rate);
    settings.burst_ns = kBurst_ns;
  }
  settings.ring_delivery = delivery == Delivery::Ring ? 1 : 0;
  // With --correlate skb an orphaned stamp could be paired with an unstamped datagram.
  settings.keep_refused = sees_control_block(method) && !config.correlate_skb ? 1 : 0;
  if (config.agents_per_owner > 0) set_budgets(settings, config);
  return settings;
}

namespace {

// `room_bytes`: the capacity of the ring or of the queue, whichever is smaller. Woken at a quarter,
// the observer has until the other three quarters are full; from half on, owners are limited to a
// 16th of the rest.
hb_levels levels_of(std::uint64_t room_bytes, std::uint64_t note_bytes) {
  return {.wake_bytes = room_bytes / 4,
          .crowded_bytes = room_bytes / 2,
          .owner_bytes = std::max(room_bytes / 32, 4 * kRecordBytes),
          .queue_too = 0,
          .note_crowded_bytes = note_bytes / 2,
          .note_owner_bytes = std::max<std::uint64_t>(note_bytes / 32, 2 * sizeof(hb_note))};
}

Result<std::unique_ptr<RingReader>> map(const bpf_map* map) {
  // libbpf rounds the size up to one that the kernel accepts: ask the map.
  Result<RingReader> ring = RingReader::map(bpf_map__fd(map), bpf_map__max_entries(map));
  if (!ring) return ring.error();
  return std::make_unique<RingReader>(std::move(ring).value());
}

std::uint64_t read(__u64& counter) {
  return std::atomic_ref(counter).load(std::memory_order_relaxed);
}

Result<> same_credentials(const SelfTest::Echo& echo) {
  const Credentials stamped{echo.stamp.cred_pid, echo.stamp.cred_uid, echo.stamp.cred_gid};
  if (!echo.credentials || stamped == *echo.credentials) return ok();
  return Error{"self-test: the stamp's credentials are not those of the datagram"};
}

Result<> same_buffer(const SelfTest::Echo& echo) {
  if (echo.skb == echo.stamp.skb) return ok();
  return Error{"self-test: the receipt names another socket buffer than the stamp"};
}

Explain explain_to = nullptr;

void explain(const std::string& what, bool is_last) {
  if (explain_to != nullptr) explain_to(what, is_last);
}

}  // namespace

const std::uint32_t kRunningBpfCommand = BPF_OBJ_GET_INFO_BY_FD;

void set_explain(Explain explain) { explain_to = explain; }

const char* name(ReadMethod method) {
  switch (method) {
    case ReadMethod::DirectLoads: return "direct loads";
    case ReadMethod::ProbeRead: return "probe_read";
  }
  return "";
}

void StampProgram::Destroy::operator()(hb_program* skeleton) const {
  hb_program__destroy(skeleton);
}

StampProgram::~StampProgram() = default;

Result<std::unique_ptr<StampProgram>> StampProgram::open(const Config& config) {
  std::unique_ptr<StampProgram> program(new StampProgram(config));
  if (Result<> loaded = program->load(); !loaded) return loaded.error();
  if (Result<> filled = program->fill_free_senders(); !filled) return filled.error();
  if (Result<> filled = program->fill_free_notes(); !filled) return filled.error();
  if (Result<> mapped = program->map_memory(); !mapped) return mapped.error();
  if (Result<> traced = program->trace_receipts(); !traced) return traced.error();
  if (Result<> watched = program->watch_exits(); !watched)
    program->exits_problem_ = watched.error();
  if (Result<> watched = program->watch_fatal_signals(); !watched)
    program->fatal_problem_ = watched.error();
  program->note_descriptors();
  if (Result<> calibrated = program->calibrate(); !calibrated) return calibrated.error();
  program->write_heritage();
  return program;
}

Result<> StampProgram::load() {
  LibbpfLog log;
  for (const ReadMethod method : preference()) {
    for (const Traced traced : {Traced::ExitsAndSignals, Traced::Exits, Traced::Nothing}) {
      Result<> loaded = load(method, traced);
      if (loaded) {
        note_problems(traced);
        return loaded;
      }
      explain(
          loaded.error().message + " (" + kernel::name(method) + name(traced) + "): " + log.text(),
          /*is_last=*/false);
      const int code = loaded.error().code;
      if (code == EPERM) return loaded;  // every other way needs the same privilege
      if (code == ENOTSUP) return loaded;
    }
  }
  if (const auto lack = lack_of_address_space()) return Error{"load: " + *lack, ENOMEM};
  explain("the kernel accepted neither program; log of the verifier and of libbpf:\n" + log.text(),
          /*is_last=*/true);
  return Error{"load: this kernel's verifier refuses the program"};
}

const char* StampProgram::name(Traced traced) {
  switch (traced) {
    case Traced::ExitsAndSignals: return ", exits, signals";
    case Traced::Exits: return ", exits";
    case Traced::Nothing: return "";
  }
  return "";
}

void StampProgram::note_problems(Traced traced) {
  const Error no_exits{"load: this kernel's verifier refuses to trace exits"};
  const Error no_signals{"load: this kernel's verifier refuses to trace signals"};
  if (traced == Traced::Nothing) exits_problem_ = no_exits;
  if (traced != Traced::ExitsAndSignals) fatal_problem_ = no_signals;
}

Result<> StampProgram::load(ReadMethod method, Traced traced) {
  hb_program* opened = open_program();
  const int code = errno;
  if (opened == nullptr) return os_error(code, "open: the kernel program in this binary");
  skeleton_.reset(opened);

  const bool direct = method == ReadMethod::DirectLoads;
  bpf_program__set_autoload(skeleton_->progs.hb_stamp_direct, direct);
  bpf_program__set_autoload(skeleton_->progs.hb_stamp_probe_read, !direct);
  for (const ExitProgram& one : exit_programs()) {
    bpf_program__set_autoload(one.program, one.method == method && traced != Traced::Nothing);
  }
  const bool notes = config_.note_ring_bytes != 0;
  bpf_program__set_autoload(skeleton_->progs.hb_note_direct, notes && direct);
  bpf_program__set_autoload(skeleton_->progs.hb_note_probe_read, notes && !direct);
  const bool signals = traced == Traced::ExitsAndSignals;
  bpf_program__set_autoload(skeleton_->progs.hb_fatal_direct, signals && direct);
  bpf_program__set_autoload(skeleton_->progs.hb_fatal_probe_read, signals && !direct);
  bpf_program__set_autoload(skeleton_->progs.hb_receipt_written, config_.correlate_skb);
  method_ = method;
  delivery_ = sees_control_block(method) ? config_.delivery : Delivery::Ring;
  if (config_.correlate_skb && delivery_ == Delivery::Ring) {
    return Error{
        "configure: on this kernel the program cannot see credentials and descriptors, so no"
        " datagrams are queued that --correlate skb could pair",
        ENOTSUP};
  }
  if (Result<> configured = configure(); !configured) return configured;

  const int error = hb_program__load(skeleton_.get());
  if (error != 0) return os_error(-error, "load: the kernel program");
  note_globals(*skeleton_->bss);
  set_queue_length(config_.queue_length);
  return ok();
}

Result<> StampProgram::configure() {
  skeleton_->rodata->settings = settings_of(config_, delivery_, method_);
  const auto ring_bytes = static_cast<std::uint32_t>(config_.ring_bytes);
  int refused = bpf_map__set_max_entries(skeleton_->maps.stamps, ring_bytes);
  if (refused != 0) return os_error(-refused, "configure: the size of the stamp ring");
  const auto senders = static_cast<std::uint32_t>(config_.senders);
  for (bpf_map* map :
       {skeleton_->maps.senders, skeleton_->maps.sender_table, skeleton_->maps.free_senders}) {
    refused = bpf_map__set_max_entries(map, senders);
    if (refused != 0) return os_error(-refused, "configure: the size of the table of senders");
  }
  return configure_notes();
}

Result<> StampProgram::configure_notes() {
  const auto& maps = skeleton_->maps;
  if (config_.note_ring_bytes == 0) {
    for (bpf_map* map : {maps.notes, maps.note_buffers, maps.free_notes}) {
      bpf_map__set_autocreate(map, false);
    }
    return ok();
  }
  const int refused =
      bpf_map__set_max_entries(maps.notes, static_cast<std::uint32_t>(config_.note_ring_bytes));
  if (refused != 0) return os_error(-refused, "configure: the size of the notify ring");
  return ok();
}

void StampProgram::note_descriptors() {
  const bool direct = method_ == ReadMethod::DirectLoads;
  const auto& maps = skeleton_->maps;
  const auto& progs = skeleton_->progs;
  const auto& links = skeleton_->links;
  fds_.program = bpf_program__fd(direct ? progs.hb_stamp_direct : progs.hb_stamp_probe_read);
  fds_.globals = bpf_map__fd(maps.bss);
  fds_.stamps = bpf_map__fd(maps.stamps);
  fds_.sender_table = bpf_map__fd(maps.sender_table);
  if (notes_ != nullptr) {
    fds_.notes = bpf_map__fd(maps.notes);
    fds_.note_program = bpf_program__fd(direct ? progs.hb_note_direct : progs.hb_note_probe_read);
  }
  if (exits_ != nullptr) fds_.exits = bpf_map__fd(maps.exits);
  for (const ExitProgram& one : exit_programs()) {
    if (one.link == nullptr) continue;
    fds_.exit_programs[one.is_perf_event ? 0 : 1] = bpf_program__fd(one.program);
    fds_.exit_links[one.is_perf_event ? 0 : 1] = bpf_link__fd(one.link);
  }
  bpf_link* fatal = direct ? links.hb_fatal_direct : links.hb_fatal_probe_read;
  if (fatal != nullptr) fds_.fatal_link = bpf_link__fd(fatal);
}

void StampProgram::write_heritage() const {
  hb_heritage& left = *globals_.heritage;
  left = {};
  left.layout = HB_LAYOUT;
  left.stamp_version = HB_STAMP_VERSION;
  left.settings = settings_of(config_, delivery_, method_);
  left.ring_bytes = config_.ring_bytes;
  left.stamp_ring_bytes = bpf_map__max_entries(skeleton_->maps.stamps);
  left.note_ring_bytes = notes_ ? bpf_map__max_entries(skeleton_->maps.notes) : 0;
  left.exit_ring_bytes = exits_ ? bpf_map__max_entries(skeleton_->maps.exits) : 0;
  left.senders = config_.senders;
  left.delivery_wanted = static_cast<std::uint32_t>(config_.delivery);
  left.delivery = static_cast<std::uint32_t>(delivery_);
  left.read_method = static_cast<std::uint32_t>(method_);
  left.reads_credentials = reads_credentials_ ? 1 : 0;
  std::atomic_ref(left.magic).store(HB_HERITAGE_MAGIC, std::memory_order_release);
}

void StampProgram::set_queue_length(std::uint64_t queue_length) {
  std::uint64_t room_bytes = skeleton_ ? bpf_map__max_entries(skeleton_->maps.stamps)
                                       : globals_.heritage->stamp_ring_bytes;
  if (delivery_ == Delivery::Socket) {
    room_bytes = std::min(room_bytes, queue_length * kRecordBytes);
  }
  *globals_.levels = levels_of(room_bytes, config_.note_ring_bytes);
}

Result<> StampProgram::fill_free_senders() {
  const int queue = bpf_map__fd(skeleton_->maps.free_senders);
  for (std::uint32_t slot = 0; slot < config_.senders; ++slot) {
    const int refused = bpf_map_update_elem(queue, nullptr, &slot, BPF_ANY);
    if (refused != 0) return os_error(-refused, "map: filling the table of senders");
  }
  return ok();
}

Result<> StampProgram::fill_free_notes() {
  if (config_.note_ring_bytes == 0) return ok();
  const int queue = bpf_map__fd(skeleton_->maps.free_notes);
  for (std::uint32_t buffer = 0; buffer < HB_NOTE_BUFFERS; ++buffer) {
    const int refused = bpf_map_update_elem(queue, nullptr, &buffer, BPF_ANY);
    if (refused != 0) return os_error(-refused, "map: filling the buffers of notify messages");
  }
  return ok();
}

Result<> StampProgram::map_memory() {
  auto ring = map(skeleton_->maps.stamps);
  if (!ring) return ring.error();
  ring_ = std::move(ring).value();
  auto senders = SenderTable::map(bpf_map__fd(skeleton_->maps.sender_table), config_.senders);
  if (!senders) return senders.error();
  senders_ = std::move(senders).value();
  if (config_.note_ring_bytes == 0) return ok();
  auto notes = map(skeleton_->maps.notes);
  if (!notes) return notes.error();
  notes_ = std::move(notes).value();
  return ok();
}

int StampProgram::ring_fd() const { return fds_.stamps; }

std::array<StampProgram::ExitProgram, 4> StampProgram::exit_programs() const {
  auto& programs = skeleton_->progs;
  auto& links = skeleton_->links;
  using enum ReadMethod;
  return {{{DirectLoads, true, programs.hb_exit_perf_direct, links.hb_exit_perf_direct},
           {DirectLoads, false, programs.hb_exit_raw_direct, links.hb_exit_raw_direct},
           {ProbeRead, true, programs.hb_exit_perf_probe_read, links.hb_exit_perf_probe_read},
           {ProbeRead, false, programs.hb_exit_raw_probe_read, links.hb_exit_raw_probe_read}}};
}

// Only an exit for which both programs were skipped is missed. The kernel counts for each program,
// and does not say whose exit it was: since the last call at most as many were missed as each was
// skipped since then. Counted since Linux 5.12; before that none is skipped.
std::uint64_t StampProgram::exits_missed() const {
  if (exits_ == nullptr) return 0;
  std::uint64_t fewest = ~std::uint64_t{0};
  std::size_t place = 0;
  for (const int fd : fds_.exit_programs) {
    if (fd < 0) continue;
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return exits_missed_;
    const std::uint64_t before = std::exchange(exits_skipped_[place++], info.recursion_misses);
    fewest = std::min<std::uint64_t>(fewest, info.recursion_misses - before);
  }
  exits_missed_ += fewest;
  return exits_missed_;
}

// Without the perf event (no CAP_SYS_ADMIN, or a seccomp filter refuses it) one program remains.
Result<> StampProgram::attach_to_perf_event(const ExitProgram& one) {
  Result<Fd> event = open_trace_event("sched/sched_process_exit");
  if (!event) return event.error();
  bpf_link* link = bpf_program__attach_perf_event(one.program, event.value().get());
  const int error = errno;
  if (link == nullptr) return os_error(error, "attach: tracing exits (perf event)");
  event.value().release();  // the link closes it
  one.link = link;          // the skeleton detaches it
  return ok();
}

Result<> StampProgram::attach_to_raw_tracepoint(const ExitProgram& one) {
  bpf_link* link = bpf_program__attach(one.program);
  const int error = errno;
  if (link == nullptr) return os_error(error, "attach: tracing exits (sched_process_exit)");
  one.link = link;  // the skeleton detaches it
  return ok();
}

// Before the self-test, so that no exit of a later sender is missed. The perf event's program comes
// first and is run first, see exit.bpf.h.
Result<> StampProgram::watch_exits() {
  if (exits_problem_) return *exits_problem_;  // not loaded
  for (const ExitProgram& one : exit_programs()) {
    if (one.method != method_) continue;
    if (one.is_perf_event) {
      if (auto attached = attach_to_perf_event(one); !attached)
        perf_event_problem_ = attached.error();
    } else if (auto attached = attach_to_raw_tracepoint(one); !attached) {
      return attached;
    }
  }
  auto ring = map(skeleton_->maps.exits);
  if (!ring) return ring.error();
  exits_ = std::move(ring).value();
  return ok();
}

Result<> StampProgram::watch_fatal_signals() {
  if (fatal_problem_) return *fatal_problem_;  // not loaded
  const bool direct = method_ == ReadMethod::DirectLoads;
  auto& progs = skeleton_->progs;
  bpf_link* link = bpf_program__attach(direct ? progs.hb_fatal_direct : progs.hb_fatal_probe_read);
  const int error = errno;
  if (link == nullptr) return os_error(error, "attach: tracing signals (signal_deliver)");
  auto& links = skeleton_->links;
  (direct ? links.hb_fatal_direct : links.hb_fatal_probe_read) = link;  // the skeleton detaches it
  return ok();
}

int StampProgram::exits_fd() const { return exits_ == nullptr ? -1 : fds_.exits; }

Result<> StampProgram::trace_receipts() {
  if (!config_.correlate_skb) return ok();
  bpf_link* link = bpf_program__attach(skeleton_->progs.hb_receipt_written);
  const int error = errno;
  if (link == nullptr)
    return os_error(error, "attach: tracing what this process receives (skb_copy_datagram_iovec)");
  skeleton_->links.hb_receipt_written = link;  // the skeleton detaches it
  return ok();
}

// The first frame yields our tgid and PID namespace; the second checks the translated pid.
Result<> StampProgram::calibrate() {
  Result<SelfTest> test = SelfTest::begin(*this);
  if (!test) return test.error();
  hb_observer& observer = *globals_.observer;
  const Result<SelfTest::Echo> first = test.value().echo();
  if (!first) return first.error();
  observer.initial_tgid = first.value().stamp.initial_tgid;
  observer.pid_ns_inode = first.value().stamp.pid_ns_inode;
  observer.pid_ns_level = first.value().stamp.pid_ns_level;

  const Result<SelfTest::Echo> second = test.value().echo();
  if (!second) return second.error();
  if (second.value().stamp.tgid != static_cast<std::uint32_t>(::getpid())) {
    return Error{"self-test: the stamp does not name this process in its own PID namespace"};
  }
  reads_credentials_ = (second.value().stamp.flags & HB_STAMP_CREDENTIALS) != 0;
  if (reads_credentials_) {
    if (Result<> same = same_credentials(second.value()); !same) return same;
  }
  if (config_.correlate_skb) {
    if (Result<> same = same_buffer(second.value()); !same) return same;
  }
  if (Result<> dropped = test.value().drops_descriptors(); !dropped) return dropped;
  observer.received = 0;  // discard the counts of the self-test
  std::fill_n(globals_.counters, HB_COUNTER_SLOTS, hb_counters{});
  *globals_.notices = {};
  return ok();
}

Result<> StampProgram::attach(int socket_fd, Lock lock) const {
  return attach(fds_.program, socket_fd, lock);
}

Result<> StampProgram::attach_notes(int socket_fd) const {
  return attach(fds_.note_program, socket_fd, Lock::Yes);
}

Result<> StampProgram::attach(int program, int socket_fd, Lock lock) {
  if (::setsockopt(socket_fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) != 0) {
    const int code = errno;
    return os_error(code, "attach: putting the kernel program on the socket (SO_ATTACH_BPF)");
  }
  if (lock == Lock::No) return ok();
  const int on = 1;
  if (::setsockopt(socket_fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) != 0) {
    const int code = errno;
    return os_error(code, "attach: locking the kernel program (SO_LOCK_FILTER)");
  }
  return ok();
}

std::uint32_t StampProgram::observer_ns_inode() const { return globals_.observer->pid_ns_inode; }

PairingKey StampProgram::pairing_key() const {
  if (config_.correlate_skb) return PairingKey::SocketBuffer;
  return reads_credentials_ ? PairingKey::ContentAndCredentials : PairingKey::Content;
}

void StampProgram::begin_receiving() {
  std::atomic_ref(globals_.observer->receiving).store(1, std::memory_order_release);
}

void StampProgram::end_receiving() {
  std::atomic_ref(globals_.observer->receiving).store(0, std::memory_order_release);
}

void StampProgram::queue_too(bool is_on) {
  std::atomic_ref(globals_.levels->queue_too).store(is_on ? 1 : 0, std::memory_order_relaxed);
}

std::uint64_t StampProgram::kept_unstamped() const {
  return read(globals_.notices->kept_unstamped);
}

std::uint64_t StampProgram::descriptors_dropped() const {
  return read(globals_.notices->descriptors);
}

std::uint64_t StampProgram::self_beats() const { return read(globals_.notices->self_beats); }

std::uint64_t StampProgram::self_beats_lost() const {
  return read(globals_.notices->self_beats_lost);
}

// The program counts an attempt before it can know that it is a self-beat.
hb_counters StampProgram::counters() const {
  hb_counters sum{};
  sum.attempts -= self_beats();
  for (hb_counters& slot : std::span(globals_.counters, HB_COUNTER_SLOTS)) {
    sum.attempts += read(slot.attempts);
    sum.stamps += read(slot.stamps);
    for (int reason = 0; reason < HB_DROP_REASONS; reason++) {
      sum.drops[reason] += read(slot.drops[reason]);
    }
    sum.kept_unstamped += read(slot.kept_unstamped);
    sum.receipts_lost += read(slot.receipts_lost);
    sum.exits += read(slot.exits);
    sum.exits_lost += read(slot.exits_lost);
    sum.notes += read(slot.notes);
  }
  sum.exits_lost += exits_missed();
  return sum;
}

}  // namespace hb::kernel
