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
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"
#include "identity/correlator.hpp"
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
};

// The only command of bpf(2) that is used after open(): BPF_OBJ_GET_INFO_BY_FD, by counters().
extern const std::uint32_t kRunningBpfCommand;

// How the program reads the kernel's memory; see bpf/identity.bpf.h.
enum class ReadMethod : std::uint8_t { DirectLoads, ProbeRead };
[[nodiscard]] const char* name(ReadMethod method);

class StampProgram {
 public:
  static Result<std::unique_ptr<StampProgram>> open(const Config& config);
  ~StampProgram();

  // SO_ATTACH_BPF, then SO_LOCK_FILTER: from now on it cannot be detached or replaced.
  [[nodiscard]] Result<> attach(int socket_fd) const;

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
  // The queue length of the attached socket, if it is not Config's.
  void set_queue_length(std::uint64_t queue_length);

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

  explicit StampProgram(const Config& config) : config_(config) {}
  Result<> load();
  // What is traced beside the datagrams. Tried in this order.
  enum class Traced : std::uint8_t { ExitsAndSignals, Exits, Nothing };
  static const char* name(Traced traced);
  Result<> load(ReadMethod method, Traced traced);
  void note_problems(Traced traced);
  Result<> configure();
  Result<> fill_free_senders();
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
  [[nodiscard]] int program_fd() const;

  const Config config_;
  std::unique_ptr<hb_program, Destroy> skeleton_;
  ReadMethod method_ = ReadMethod::DirectLoads;
  Delivery delivery_ = Delivery::Socket;
  bool reads_credentials_ = false;
  std::unique_ptr<RingReader> ring_;
  std::unique_ptr<RingReader> exits_;
  mutable std::array<std::uint64_t, 2> exits_skipped_{};  // by attached program, as last read
  mutable std::uint64_t exits_missed_ = 0;
  std::unique_ptr<SenderTable> senders_;
  std::optional<Error> exits_problem_;
  std::optional<Error> perf_event_problem_;
  std::optional<Error> fatal_problem_;
};

}  // namespace hb::kernel
