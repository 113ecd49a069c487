// What the observer and its signaller process say to each other, over a stream socket pair.
//
//   signaller -> observer   SignallerHello, once
//   observer  -> signaller  SignalRequest, with the pidfd of its target as SCM_RIGHTS
//   signaller -> observer   SignalAnswer, one for each request, in any order
//
// Both ends are the same program, so the structs are sent as they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// Whose authority the signaller can act with.
struct SignalAuthority {
  std::uint32_t own_uid = 0;
  bool any_uid = false;          // CAP_SETUID and CAP_SETGID are there
  bool uids_are_initial = true;  // a uid means here what it means in a stamp

  [[nodiscard]] bool covers(std::uint32_t uid) const {
    return uids_are_initial && (any_uid || uid == own_uid);
  }
};

struct SignallerHello {
  SignalAuthority authority;
  std::array<char, 256> problem{};  // why it cannot work; empty: it does
};

struct SignalRequest {
  std::uint64_t id = 0;
  std::uint64_t deadline_ns = 0;  // CLOCK_MONOTONIC; not sent after it
  std::uint32_t uid = 0;
  std::int32_t signal = 0;
};

struct SignalAnswer {
  enum class Kind : std::uint32_t {
    Sent,      // code: 0, or the errno of pidfd_send_signal(2)
    NotSent,   // no process with the agent's authority could be had; code: errno
    Killed,    // that process was killed; code: the signal
    TimedOut,  // that process did not end before the deadline; now it is killed
  };

  std::uint64_t id = 0;
  Kind kind = Kind::NotSent;
  std::int32_t code = 0;
};

struct ReceivedRequest {
  SignalRequest request;
  Fd pidfd;  // may be missing: the kernel had no descriptor left for it
};

// The Error of both has errno; EAGAIN when a non-blocking socket takes no more.
[[nodiscard]] Result<> send_request(const Fd& socket, const SignalRequest& request,
                                    const Fd& pidfd);
// Blocks. nullopt: the other end is closed.
[[nodiscard]] Result<std::optional<ReceivedRequest>> receive_request(const Fd& socket);

// The whole of `size` bytes. False: the other end is closed.
bool send_all(const Fd& socket, const void* data, std::size_t size);

}  // namespace hb
