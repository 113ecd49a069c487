// Flooder: processes of ordinary users that flood an observer until they are told to stop or their
// time is over.
//
// Owns its processes: the destructor ends and reaps them; if the owner ends, the kernel kills them
// (PR_SET_PDEATHSIG). Their short-lived children end by themselves; if their parent was killed, the
// nearest subreaper reaps them. Needs root, to change to those users. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/enum_values.hpp"
#include "base/result.hpp"
#include "lab/bench/flood_board.hpp"
#include "lab/bench/shared.hpp"
#include "lab/child.hpp"

namespace hb::bench {

enum class FloodKind : std::uint8_t {
  Fork,               // many children, each sends a few frames, correct or junk, and exits
  CloneVm,            // the same with clone(CLONE_VM), which is cheaper
  LongLived,          // processes that keep sending; every second one blocks on the queue
  Orphans,            // many children, each sends a thousand frames without blocking
  Junk,               // wrong magic or checksum
  WrongLength,        // not the length of a frame
  Descriptors,        // frames that carry one (SCM_RIGHTS): of a pipe
  Linger,             // frames that carry the last reference to a lingering TCP socket
  Forged,             // frames that claim another process's pid
  ForgedCredentials,  // the same, with that pid in SCM_CREDENTIALS: only root can
};

[[nodiscard]] constexpr const char* name(FloodKind kind) {
  switch (kind) {
    case FloodKind::Fork: return "fork";
    case FloodKind::CloneVm: return "clone-vm";
    case FloodKind::LongLived: return "long-lived";
    case FloodKind::Orphans: return "orphans";
    case FloodKind::Junk: return "junk";
    case FloodKind::WrongLength: return "wrong-length";
    case FloodKind::Descriptors: return "descriptors";
    case FloodKind::Linger: return "linger";
    case FloodKind::Forged: return "forged";
    case FloodKind::ForgedCredentials: return "forged-credentials";
  }
  return kNoName;
}

inline constexpr auto& kFloodKinds = kEnumValues<FloodKind>;

struct Flood {
  FloodKind kind = FloodKind::Fork;
  std::vector<std::uint32_t> uids;  // ForgedCredentials: 0 alone
  std::size_t processes = 1;        // of each uid, without their short-lived children
  std::uint64_t longest_ns = 0;     // they stop by themselves after this
  std::uint32_t victim = 0;         // the pid that a forger claims
  std::string cgroup;               // directory of the cgroup v2 to join; empty: the owner's
};

class Flooder {
 public:
  // At most FloodBoard::kWorkers processes over all uids. They send when it returns.
  static Result<Flooder> start(const std::string& socket, const Flood& flood);

  Flooder(Flooder&&) noexcept = default;
  Flooder& operator=(Flooder&&) = delete;
  ~Flooder() { [[maybe_unused]] const auto stopped = stop(); }

  struct Total {
    std::uint64_t processes = 0;  // that have sent
    std::uint64_t tried = 0;      // sends
    std::uint64_t taken = 0;      // sends that succeeded
    std::uint64_t full = 0;       // EAGAIN
    std::uint64_t failed = 0;     // other errors
  };
  [[nodiscard]] Total total() const;

  // Ends all of them. The Error: one could not send, or does not end. Having been killed, by the
  // observer for instance, is not an Error.
  Result<> stop();

 private:
  explicit Flooder(Shared<FloodBoard> board) : board_(std::move(board)) {}

  Shared<FloodBoard> board_;
  std::vector<lab::Child> workers_;
};

}  // namespace hb::bench
