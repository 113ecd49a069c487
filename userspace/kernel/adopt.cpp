// StampProgram of a predecessor: what is kept of it, and how a successor goes on with it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "stamp.h"
// Behind stamp.h, whose structures it has.
#include "hb.skel.h"
#include "kernel/settings.hpp"
#include "kernel/stamp_program.hpp"

namespace hb::kernel {
namespace {

using Bss = hb_program::hb_program__bss;

// libbpf maps as many bytes as the variables have; mmap(2) does whole pages.
constexpr std::size_t kGlobalsBytes = sizeof(Bss);
constexpr std::size_t kSecretAt = sizeof(std::uint64_t);  // in an echo's frame, behind the magic

Error refused(const std::string& why) {
  return Error{"the kept kernel program is refused: " + why};
}

Result<std::unique_ptr<RingReader>> map_ring(int fd, std::size_t bytes) {
  Result<RingReader> ring = RingReader::map(fd, bytes);
  if (!ring) return ring.error();
  return std::make_unique<RingReader>(std::move(ring).value());
}

}  // namespace

void StampProgram::Unmap::operator()(void* globals) const { ::munmap(globals, kGlobalsBytes); }

Result<StampProgram::Kept> StampProgram::keep() const {
  if (delivery_ != Delivery::Ring) return Error{"with --delivery socket nothing can be kept"};
  Kept kept;
  Result<> result = ok();
  for_each(fds_, [&](const char* name, int fd) {
    if (fd < 0 || !result) return;
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    const int code = errno;
    if (!copy) result = os_error(code, std::string("keeping ") + name);
    kept.emplace(name, std::move(copy));
  });
  if (!result) return result.error();
  return kept;
}

Result<std::unique_ptr<StampProgram>> StampProgram::adopt(Kept kept, const Config& config) {
  std::unique_ptr<StampProgram> program(new StampProgram(config));
  if (Result<> taken = program->take(std::move(kept)); !taken) return taken.error();
  if (Result<> mapped = program->map_globals(); !mapped) return mapped.error();
  if (Result<> checked = program->check_heritage(); !checked) return checked.error();
  if (Result<> mapped = program->map_rings(); !mapped) return mapped.error();
  return program;
}

Result<> StampProgram::take(Kept kept) {
  adopted_ = std::move(kept);
  for_each(fds_, [&](const char* name, int& fd) {
    const auto found = adopted_.find(name);
    if (found != adopted_.end()) fd = found->second.get();
  });
  const std::array needed{fds_.program, fds_.globals, fds_.stamps, fds_.sender_table};
  if (std::ranges::count(needed, -1) == 0) return ok();
  return refused("not all of it was kept");
}

Result<> StampProgram::map_globals() {
  void* memory =
      ::mmap(nullptr, kGlobalsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds_.globals, 0);
  const int code = errno;
  if (memory == MAP_FAILED) return os_error(code, "mapping the kept kernel program's variables");
  adopted_globals_.reset(memory);
  note_globals(*static_cast<Bss*>(memory));
  return ok();
}

// Whoever passed the descriptors started this process, and could do anything to it: this is about
// other versions and other flags.
Result<> StampProgram::check_heritage() const {
  const hb_heritage& left = *globals_.heritage;
  if (left.magic != HB_HERITAGE_MAGIC || left.layout != HB_LAYOUT ||
      left.stamp_version != HB_STAMP_VERSION) {
    return refused("it is of another version");
  }
  if (left.delivery != static_cast<std::uint32_t>(Delivery::Ring) ||
      left.delivery_wanted != static_cast<std::uint32_t>(config_.delivery)) {
    return refused("it has another --delivery");
  }
  if (left.ring_bytes != config_.ring_bytes) return refused("it has another --ring-bytes");
  if ((left.note_ring_bytes != 0) != (config_.note_ring_bytes != 0)) {
    return refused("--notify-socket is given only to one of the two");
  }
  if (left.senders != config_.senders) return refused("its table of senders has another size");
  const auto method = static_cast<ReadMethod>(left.read_method);
  const hb_settings wanted = settings_of(config_, Delivery::Ring, method);
  if (std::memcmp(&wanted, &left.settings, sizeof(wanted)) == 0) return ok();
  return refused("it has other limits (--max-beat-rate, --agents-per-uid)");
}

Result<> StampProgram::map_rings() {
  const hb_heritage& left = *globals_.heritage;
  method_ = static_cast<ReadMethod>(left.read_method);
  delivery_ = Delivery::Ring;
  reads_credentials_ = left.reads_credentials != 0;
  auto stamps = map_ring(fds_.stamps, left.stamp_ring_bytes);
  if (!stamps) return stamps.error();
  ring_ = std::move(stamps).value();
  auto senders = SenderTable::map(fds_.sender_table, left.senders);
  if (!senders) return senders.error();
  senders_ = std::move(senders).value();
  if (left.note_ring_bytes != 0) {
    if (fds_.notes < 0 || fds_.note_program < 0) return refused("its notify ring was not kept");
    auto notes = map_ring(fds_.notes, left.note_ring_bytes);
    if (!notes) return notes.error();
    notes_ = std::move(notes).value();
  }
  const Error lacking{"the predecessor did not trace it"};
  if (fds_.fatal_link < 0) fatal_problem_ = lacking;
  if (fds_.exit_links[0] < 0) perf_event_problem_ = lacking;
  if (left.exit_ring_bytes == 0) {
    exits_problem_ = lacking;
    return ok();
  }
  if (fds_.exits < 0 || fds_.exit_links[1] < 0) return refused("what traces exits was not kept");
  auto exits = map_ring(fds_.exits, left.exit_ring_bytes);
  if (!exits) return exits.error();
  exits_ = std::move(exits).value();
  return ok();
}

Result<FrameBytes> StampProgram::begin_echo() {
  const std::uint64_t magic = HB_SELF_BEAT_MAGIC;
  std::uint64_t secret = 0;
  const ssize_t drawn = ::getrandom(&secret, sizeof(secret), 0);  // up to 256: all or none
  const int code = errno;
  if (drawn < 0) return os_error(code, "echo: reading random bytes");
  secret |= 1;  // 0: none is expected
  FrameBytes frame{};
  std::memcpy(frame.data(), &magic, sizeof(magic));
  std::memcpy(frame.data() + kSecretAt, &secret, sizeof(secret));
  globals_.echo->seen = 0;
  echo_lost_before_ = self_beats_lost();
  std::atomic_ref(globals_.echo->secret).store(secret, std::memory_order_release);
  return frame;
}

// The stamp stays in the ring: a self-beat, which is in no counter. If the ring is full there is
// none, and that the program has seen the secret in its own memory has to do.
Result<> StampProgram::end_echo(const FrameBytes& frame, const RingReader& ring) {
  hb_echo& echo = *globals_.echo;
  std::atomic_ref(echo.secret).store(0, std::memory_order_release);
  if (std::atomic_ref(echo.seen).load(std::memory_order_acquire) == 0) {
    return refused("a frame to the socket does not come to it");
  }
  hb_observer& observer = *globals_.observer;
  if (echo.pid_ns_inode != observer.pid_ns_inode || echo.pid_ns_level != observer.pid_ns_level) {
    return refused("it was loaded by an observer in another PID namespace");
  }
  bool is_stamped = false;
  ring.look([&](RingReader::Bytes record) {
    const auto stamp = record_as<hb_stamp>(record);
    is_stamped |= stamp && std::memcmp(stamp->frame, frame.data(), frame.size()) == 0;
  });
  if (!is_stamped && self_beats_lost() == echo_lost_before_) {
    return refused("its stamps do not come into the ring that was kept");
  }
  observer.initial_tgid = echo.initial_tgid;
  return ok();
}

}  // namespace hb::kernel
