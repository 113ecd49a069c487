// What is behind hb_agent.h. Without the C++ runtime, as programs in C link it.
#pragma once

#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/hb_agent.h"
#include "vlp/frame.hpp"

namespace hb::agent {

// In the order of hb_agent_counts.
enum Count : std::uint8_t {
  kQueued,
  kCovered,
  kQueueFull,
  kNoObserver,
  kNotPermitted,
  kFailed,
  kConnects,
  kCounts
};
static_assert(sizeof(hb_agent_counts) == kCounts * sizeof(std::uint64_t));

// One process's beats, in memory that the kernel clears in a child (MADV_WIPEONFORK): all zero
// is a process that has not beaten yet.
struct Session {
  std::atomic<std::uint32_t> pid;
  std::atomic<bool> has_socket;  // false: the descriptor is the parent's
  std::atomic<bool> has_ticker;
  std::atomic<std::uint64_t> sending_since_ns;  // 0: nobody is sending
  std::atomic<std::uint64_t> waiting;           // the newest beat that nobody has sent yet; 0: none
  std::atomic<std::uint64_t> last_nonce;
  std::atomic<std::uint64_t> looked_ns;  // when the socket's path was last looked at
  std::atomic<std::uint64_t> progress;
  std::array<std::atomic<std::uint64_t>, kCounts> counts;
};

// A thread that beats. In a child it does not exist, as the Session says.
struct Ticker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t is_over;
  bool ends;
  std::uint32_t interval_ms;
};

// Which file something is; ino 0: not known.
struct FileId {
  std::atomic<std::uint64_t> dev;
  std::atomic<std::uint64_t> ino;
};

}  // namespace hb::agent

struct hb_agent {
  hb::agent::Session* session;
  bool is_wiped;  // the kernel wipes *session in a child
  std::atomic<int> fd;
  sockaddr_un address;
  socklen_t address_bytes;
  hb::agent::FileId socket;                // of fd, as it was opened
  hb::agent::FileId connected_to;          // of the path, as it was connected
  std::atomic<std::uint64_t> ticker_beat;  // what the ticker sends
  hb::agent::Ticker ticker;
};

namespace hb::agent {

// If it is the one that hb_agent_last_word_at_crash() has: there is none any more.
void forget_at_crash(hb_agent& agent);

// Of a beat as one word, which ticker_beat is.
int beat(hb_agent& agent, std::uint64_t word);

}  // namespace hb::agent
