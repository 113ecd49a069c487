// Flooder: processes of ordinary users that do to an observer what it must withstand, as fast as
// they can, until they are told to stop or their time is over.
//
// Owns its processes: ended and reaped at the latest with it; when its owner dies, however it dies,
// the kernel kills them (PR_SET_PDEATHSIG). Short-lived children of theirs end by themselves, and
// become the nearest subreaper's if their parent was killed. Needs root, to become those users. One
// thread.
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
  Fork,               // child after child, each sends a few frames, right ones or junk, and exits
  CloneVm,            // the same, made by clone(CLONE_VM): the cheapest process there is
  LongLived,          // processes that go on sending; every second one waits for room
  Orphans,            // child after child, each sends a thousand frames and waits for no room
  Junk,               // wrong magic or checksum
  WrongLength,        // no frame's length
  Descriptors,        // frames that carry one (SCM_RIGHTS): of a pipe
  Linger,             // frames that carry the last reference to a lingering TCP socket
  Forged,             // frames that claim somebody else's pid
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
  std::size_t processes = 1;        // of each uid; their short-lived children come on top
  std::uint64_t longest_ns = 0;     // after that they stop by themselves
  std::uint32_t victim = 0;         // the pid that a forger claims
  std::string cgroup;               // a cgroup v2's directory to send from; empty: their owner's
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
    std::uint64_t taken = 0;      // that succeeded, whatever became of the datagram
    std::uint64_t full = 0;       // that met a full queue (EAGAIN)
    std::uint64_t failed = 0;     // for any other reason
  };
  [[nodiscard]] Total total() const;

  // Ends all of them. The Error is the first one's that could not send, or does not end; who has
  // been killed meanwhile, by the observer for instance, is no Error.
  Result<> stop();

 private:
  explicit Flooder(Shared<FloodBoard> board) : board_(std::move(board)) {}

  Shared<FloodBoard> board_;
  std::vector<lab::Child> workers_;
};

}  // namespace hb::bench
