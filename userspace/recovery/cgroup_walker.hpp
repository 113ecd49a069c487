// The process that walks the cgroup v2 hierarchy for the observer, and what the two say to each
// other over a SOCK_SEQPACKET pair, where every message is one packet:
//
//   walker   -> observer   WalkerHello, once
//   observer -> walker     the ids of the cgroups that are wanted, std::uint64_t each: one walk
//   walker   -> observer   for each that is found, WalkAnswer with its id, followed by the path
//                          WalkAnswer with the id 0: the walk is over
//
// Both ends are the same program, so the structs are sent as they are.
//
// The walker has no capability, no secret, no descriptor but its socket and the hierarchy's root,
// and cannot be traced. It ends when the observer does or closes its end of the socket.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

struct WalkerHello {
  std::array<char, 256> problem{};  // why it cannot work; empty: it can
};

struct WalkAnswer {
  std::uint64_t id = 0;
  std::uint64_t directories = 0;   // at the end: how many the walk has seen
  std::uint32_t is_cut_short = 0;  // at the end: some were not looked into
  std::uint32_t reserved = 0;
};

inline constexpr std::size_t kMaxWantedCgroups = 4096;
inline constexpr std::size_t kLongestWalkAnswer_bytes = sizeof(WalkAnswer) + 4096;

// Becomes the user that the process is to run as. Privileges are renounced after it.
using PrepareWalker = std::function<Result<>()>;

// The whole life of the process, in a child of `parent` that has just been forked and has no other
// thread. `root` is open_cgroup_root()'s.
[[noreturn]] void run_cgroup_walker(Fd socket, Fd root, pid_t parent, const PrepareWalker& prepare);

}  // namespace hb
