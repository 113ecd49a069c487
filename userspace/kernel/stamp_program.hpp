// StampProgram: the kernel program, loaded and tested.
//
// open() goes through named phases: open (the object inside this binary), configure (ring size,
// which program), load (the verifier), map (ring and counters), calibrate (the self-test: a stamp
// of this process, see SelfTest). An Error names the phase; nothing stays loaded.
//
// attach() attaches it to a socket that is not bound yet, and locks it, against root too.
//
// Where the kernel permits it, the program also reports exits of processes that sent. If not,
// open() succeeds and exits_problem() says why. Likewise it notes fatal signals in the table of
// senders, and fatal_problem() says why it does not.
//
// Counters, observer and the table of senders live in memory shared with the program: after open()
// no bpf(2) call is made, so every capability may be dropped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "identity/correlator.hpp"
#include "identity/datagram.hpp"
#include "kernel/ring_reader.hpp"
#include "kernel/sender_table.hpp"
#include "stamp.h"

struct hb_program;  // the skeleton that bpftool makes
struct bpf_program;
struct bpf_link;

namespace hb::kernel {

// Called by open() with the log of libbpf and the verifier (at most 64 KiB) for each refused way of
// loading; `is_last`: no other is tried.
using Explain = void (*)(const std::string& what, bool is_last);
void set_explain(Explain explain);

// How frames come to user space.
enum class Delivery : std::uint8_t {
  Socket,  // as datagrams, which the stamps are paired with
  Ring,    // inside their stamps; no datagram is ever queued
};

struct Config {
  std::size_t ring_bytes = std::size_t{1} << 20;  // power of two, whole pages
  Delivery delivery = Delivery::Socket;
  std::uint64_t drain_interval_ns = 5 * kNsPerMs;  // how long a frame may wait to be read
  bool correlate_skb = false;                      // Socket
  std::uint64_t stamp_wait_ns = 50 * kNsPerMs;     // Socket
  std::uint64_t queue_length = 512;                // Socket
  std::uint64_t max_beat_rate = 0;                 // of one process, per second; 0: no limit
  std::size_t senders = 16'384;                    // processes that can send at the same time
  std::size_t agents_per_owner = 0;  // for which a uid or cgroup has a budget; 0: none
  std::size_t note_ring_bytes = 0;   // as ring_bytes, of notify messages; 0: none are taken
};

// The only command of bpf(2) that is used after open(): BPF_OBJ_GET_INFO_BY_FD, by counters().
extern const std::uint32_t kRunningBpfCommand;

// How the program reads the kernel's memory; see bpf/identity.bpf.h.
enum class ReadMethod : std::uint8_t { DirectLoads, ProbeRead };
[[nodiscard]] const char* name(ReadMethod method);

class StampProgram {
 public:
  static Result<std::unique_ptr<StampProgram>> open(const Config& config);

  // Descriptors by the name under which they are kept.
  using Kept = std::map<std::string, Fd>;

  // Duplicates of the descriptors by which a successor goes on with this program while it stays
  // attached: its memory, its rings, and what it traces. Only with Delivery::Ring: of datagrams a
  // process that is killed may have received some that it has not judged.
  [[nodiscard]] Result<Kept> keep() const;
  // Goes on with a predecessor's program. Neither privilege nor bpf(2) is needed. The Error says
  // what is not as `config` wants it, or not as this program knows it; then nothing has changed,
  // and the descriptors are closed. Records that wait in the rings are read as usual.
  //
  // Before anything else is done with it, send begin_echo()'s frame once to the socket that the
  // program is said to be on, by its path. end_echo() is an Error if it did not come to this
  // program, if its stamp is not in `ring`, which is one of its own, or if this process has another
  // PID namespace than the predecessor.
  static Result<std::unique_ptr<StampProgram>> adopt(Kept kept, const Config& config);
  Result<FrameBytes> begin_echo();
  Result<> end_echo(const FrameBytes& frame) { return end_echo(frame, *ring_); }
  Result<> end_echo(const FrameBytes& frame, const RingReader& ring);
  [[nodiscard]] bool is_adopted() const { return skeleton_ == nullptr; }
  // Where the observer notes for a successor how far it has come. Lives as long as the program.
  [[nodiscard]] hb_progress& progress() const { return *globals_.progress; }
  [[nodiscard]] hb_progress& note_progress() const { return *globals_.note_progress; }

  ~StampProgram();

  // SO_ATTACH_BPF, in place of what may be there, then SO_LOCK_FILTER: from now on it cannot be
  // detached or replaced. Lock::No: the socket outlives this program, and another one is to follow.
  enum class Lock : std::uint8_t { Yes, No };
  [[nodiscard]] Result<> attach(int socket_fd, Lock lock = Lock::Yes) const;
  // Likewise the program for notify messages. With Config::note_ring_bytes.
  [[nodiscard]] Result<> attach_notes(int socket_fd) const;

  [[nodiscard]] std::uint32_t observer_ns_inode() const;
  [[nodiscard]] ReadMethod read_method() const { return method_; }
  // Whether stamps contain the SCM_CREDENTIALS of their datagrams.
  [[nodiscard]] bool reads_credentials() const { return reads_credentials_; }
  [[nodiscard]] PairingKey pairing_key() const;

  RingReader& ring() { return *ring_; }
  // Readable (EPOLLET) when the program has woken the observer, see hb_levels::wake_bytes.
  [[nodiscard]] int ring_fd() const;
  // Ring also where the program cannot see whether a datagram carries descriptors: those must not
  // be queued.
  [[nodiscard]] Delivery delivery() const { return delivery_; }
  // With Delivery::Ring: from now on frames are queued, too. For an observer that ends and does not
  // know whether another one goes on, or nobody: whoever waits for the socket to be readable is
  // woken. Not where the program cannot see whether a datagram carries descriptors.
  void queue_too(bool is_on);
  // The queue length of the attached socket, if it is not Config's.
  void set_queue_length(std::uint64_t queue_length);

  // The ring of struct hb_note; nullptr without Config::note_ring_bytes. notes_fd() becomes
  // readable (EPOLLET) when there is more in it than was read.
  RingReader* notes() { return notes_.get(); }
  [[nodiscard]] int notes_fd() const { return fds_.notes; }

  // The ring of struct hb_exit; nullptr when exits are not traced. exits_fd() becomes readable when
  // one is reported.
  RingReader* exits() { return exits_.get(); }
  [[nodiscard]] int exits_fd() const;
  [[nodiscard]] const std::optional<Error>& exits_problem() const { return exits_problem_; }
  // Why there is no perf event: then some exits can be missed since Linux 7.0, and are counted.
  [[nodiscard]] const std::optional<Error>& perf_event_problem() const {
    return perf_event_problem_;
  }

  // Why it is not known which process may be writing its core.
  [[nodiscard]] const std::optional<Error>& fatal_problem() const { return fatal_problem_; }

  // Between the two, the program writes receipts of what this process receives (correlate_skb).
  void begin_receiving();
  void end_receiving();

  // When senders last attempted to send.
  [[nodiscard]] const SenderTable& senders() const { return *senders_; }

  // The sum over all CPUs since open(), without self-beats. Updated by senders at any moment.
  [[nodiscard]] hb_counters counters() const;
  // Single counters that are read often.
  [[nodiscard]] std::uint64_t kept_unstamped() const;
  [[nodiscard]] std::uint64_t descriptors_dropped() const;
  // Datagrams of this process that begin with HB_SELF_BEAT_MAGIC, sent to an attached socket; and
  // how many of them got no stamp, as the ring was full.
  [[nodiscard]] std::uint64_t self_beats() const;
  [[nodiscard]] std::uint64_t self_beats_lost() const;

 private:
  struct Destroy {
    void operator()(hb_program* skeleton) const;
  };

  // The program's global variables, shared with it.
  struct Globals {
    hb_observer* observer = nullptr;
    hb_counters* counters = nullptr;  // HB_COUNTER_SLOTS
    hb_notices* notices = nullptr;
    hb_levels* levels = nullptr;
    hb_echo* echo = nullptr;
    hb_heritage* heritage = nullptr;
    hb_progress* progress = nullptr;
    hb_progress* note_progress = nullptr;
  };
  // -1: there is none.
  struct Descriptors {
    int program = -1;
    int globals = -1;
    int stamps = -1;
    int notes = -1;
    int note_program = -1;
    int exits = -1;
    int sender_table = -1;
    std::array<int, 2> exit_programs{-1, -1};  // by perf event, by raw tracepoint
    std::array<int, 2> exit_links{-1, -1};     // likewise
    int fatal_link = -1;
  };
  // Each with the name under which it is kept.
  template <typename D, typename F>
  static void for_each(D& descriptors, F&& f) {
    f("hb-program", descriptors.program);
    f("hb-globals", descriptors.globals);
    f("hb-stamps", descriptors.stamps);
    f("hb-notes", descriptors.notes);
    f("hb-note-program", descriptors.note_program);
    f("hb-exits", descriptors.exits);
    f("hb-senders", descriptors.sender_table);
    f("hb-exit-perf-program", descriptors.exit_programs[0]);
    f("hb-exit-raw-program", descriptors.exit_programs[1]);
    f("hb-exit-perf", descriptors.exit_links[0]);
    f("hb-exit-raw", descriptors.exit_links[1]);
    f("hb-fatal", descriptors.fatal_link);
  }
  struct Unmap {
    void operator()(void* globals) const;
  };

  explicit StampProgram(const Config& config) : config_(config) {}
  void note_descriptors();
  void write_heritage() const;
  static Result<> attach(int program, int socket_fd, Lock lock);
  Result<> take(Kept kept);
  Result<> map_globals();
  void note_globals(auto& bss) {
    globals_ = {&bss.observer, bss.counters,  &bss.notices,  &bss.levels,
                &bss.echo,     &bss.heritage, &bss.progress, &bss.note_progress};
  }
  [[nodiscard]] Result<> check_heritage() const;
  Result<> map_rings();
  Result<> load();
  // What is traced beside the datagrams. Tried in this order.
  enum class Traced : std::uint8_t { ExitsAndSignals, Exits, Nothing };
  static const char* name(Traced traced);
  Result<> load(ReadMethod method, Traced traced);
  void note_problems(Traced traced);
  Result<> configure();
  Result<> configure_notes();
  Result<> fill_free_senders();
  Result<> fill_free_notes();
  Result<> map_memory();
  Result<> watch_exits();
  Result<> watch_fatal_signals();

  struct ExitProgram {
    ReadMethod method;
    bool is_perf_event;  // else a raw tracepoint
    bpf_program* program;
    bpf_link*& link;  // the skeleton's
  };
  [[nodiscard]] std::array<ExitProgram, 4> exit_programs() const;
  static Result<> attach_to_perf_event(const ExitProgram& one);
  static Result<> attach_to_raw_tracepoint(const ExitProgram& one);
  [[nodiscard]] std::uint64_t exits_missed() const;
  Result<> trace_receipts();
  Result<> calibrate();

  const Config config_;
  std::unique_ptr<hb_program, Destroy> skeleton_;  // nullptr: it is a predecessor's program
  Kept adopted_;                                   // whose descriptors these are
  std::unique_ptr<void, Unmap> adopted_globals_;
  Globals globals_;
  Descriptors fds_;                     // the skeleton's, or adopted_
  std::uint64_t echo_lost_before_ = 0;  // self_beats_lost() at begin_echo()
  ReadMethod method_ = ReadMethod::DirectLoads;
  Delivery delivery_ = Delivery::Socket;
  bool reads_credentials_ = false;
  std::unique_ptr<RingReader> ring_;
  std::unique_ptr<RingReader> notes_;
  std::unique_ptr<RingReader> exits_;
  mutable std::array<std::uint64_t, 2> exits_skipped_{};  // by attached program, as last read
  mutable std::uint64_t exits_missed_ = 0;
  std::unique_ptr<SenderTable> senders_;
  std::optional<Error> exits_problem_;
  std::optional<Error> perf_event_problem_;
  std::optional<Error> fatal_problem_;
};

}  // namespace hb::kernel
