// The senders of the oracle tests: concurrent processes whose datagrams hold duplicates, equal
// frames of different senders and forged credentials. What each one sends is known from its index.
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "base/fd.hpp"
#include "stamp.h"
#include "tests/support/control_message.hpp"

namespace hb::test {

inline constexpr std::size_t kSenders = 8;

enum class Kind : std::uint32_t {
  Unique,        // nobody else sends these bytes
  Duplicate,     // the sender's last frame again
  Common,        // the same bytes from every sender, each under its own credentials
  Forged,        // bytes of its own under the next sender's credentials
  ForgedCommon,  // the same bytes from every sender, all under the first sender's credentials
};

struct Content {
  std::array<std::uint8_t, 8> magic{'o', 'r', 'a', 'c', 'l', 'e'};
  Kind kind = Kind::Unique;
  std::uint32_t sender = 0;  // kSenders: common to all
  std::uint64_t sequence = 0;
  std::uint64_t zero = 0;
};
static_assert(sizeof(Content) == HB_FRAME_BYTES);

inline Content content_at(std::uint32_t sender, std::uint64_t sequence) {
  Content content;
  content.sender = sender;
  content.sequence = sequence;
  switch (sequence % 16) {
    case 11:
      content.kind = Kind::Duplicate;
      content.sequence = sequence;
      break;
    case 12:
      content.kind = Kind::Duplicate;
      content.sequence = sequence - 1;
      break;
    case 13:
      content.kind = Kind::Common;
      content.sender = kSenders;
      break;
    case 14: content.kind = Kind::Forged; break;
    case 15:
      content.kind = Kind::ForgedCommon;
      content.sender = kSenders;
      break;
    default: break;
  }
  return content;
}

// What the senders share: who they are, and when to begin.
struct Roster {
  std::array<std::atomic<pid_t>, kSenders> pids{};
  std::atomic<bool> begin{false};
  std::atomic<std::uint64_t> sent{0};      // by ring: by all of them
  std::atomic<std::uint64_t> received{0};  // likewise, by the observer
};

class SharedRoster {
 public:
  SharedRoster()
      : memory_(::mmap(nullptr, sizeof(Roster), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)),
        roster_(new (memory_) Roster) {}
  SharedRoster(const SharedRoster&) = delete;
  SharedRoster& operator=(const SharedRoster&) = delete;
  ~SharedRoster() { ::munmap(memory_, sizeof(Roster)); }
  Roster* operator->() { return roster_; }

 private:
  void* memory_;
  Roster* roster_;
};

class Sender {
 public:
  Sender(const std::string& path, std::uint32_t index, SharedRoster& roster)
      : index_(index), roster_(roster), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      ::_exit(1);
    }
  }

  void send(std::uint64_t count) {
    while (!roster_->begin) ::sched_yield();
    for (std::uint64_t sequence = 0; sequence < count; sequence++) {
      const Content content = content_at(index_, sequence);
      // Sometimes non-blocking: a full queue makes an orphan, and then the frame is sent again.
      const bool sent = sequence % 5 == 0 && send(content, MSG_DONTWAIT);
      if (!sent && !send(content, 0)) ::_exit(2);
    }
  }

  // A sender gets no EAGAIN here, so it checks how far the observer is behind.
  void send_by_ring(std::uint64_t count) {
    constexpr std::uint64_t kInFlight = 20'000;  // the ring holds 58,254
    while (!roster_->begin) ::sched_yield();
    for (std::uint64_t sequence = 0; sequence < count; sequence++) {
      while (roster_->sent - roster_->received > kInFlight) ::sched_yield();
      roster_->sent++;
      if (!send(content_at(index_, sequence), MSG_DONTWAIT)) ::_exit(2);
    }
  }

 private:
  bool send(Content content, int flags) {
    const ssize_t sent = content.kind == Kind::Forged
                             ? forged(content, (index_ + 1) % kSenders, flags)
                         : content.kind == Kind::ForgedCommon
                             ? forged(content, 0, flags)
                             : ::send(socket_.get(), &content, sizeof(content), flags);
    return sent == HB_FRAME_BYTES;
  }

  ssize_t forged(const Content& content, std::size_t victim, int flags) {
    const ucred claimed{roster_->pids[victim], ::getuid(), ::getgid()};
    return send_with_credentials(socket_.get(), &content, sizeof(content), claimed, flags);
  }

  const std::uint32_t index_;
  SharedRoster& roster_;
  const Fd socket_;
};

inline std::uint64_t datagrams() {
  const char* asked = std::getenv("HB_ORACLE_DATAGRAMS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1'000'000;
}

}  // namespace hb::test
