#include "agent/agent.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

namespace hb::agent {
namespace {

static_assert(HB_AGENT_OK == int{HB_FRAME_OK} && HB_AGENT_DEGRADED == int{HB_FRAME_DEGRADED} &&
              HB_AGENT_CRITICAL == int{HB_FRAME_CRITICAL});

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kLookEvery_ns = kNsPerSecond;
constexpr std::uint64_t kMostSending_ns = kNsPerSecond / 10;

// A beat as one word, so that it can be handed over without a lock.
constexpr std::uint64_t kIsBeat = std::uint64_t{1} << 63;

std::uint64_t word_of(hb_agent_status status, std::uint32_t payload) {
  return kIsBeat | std::uint64_t{static_cast<std::uint8_t>(status)} << 32 | payload;
}

bool is_status(hb_agent_status status) {
  return status == HB_AGENT_OK || status == HB_AGENT_DEGRADED || status == HB_AGENT_CRITICAL;
}

std::uint64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Count count_of(int code) {
  switch (code) {
    case 0: return kQueued;
    case EAGAIN: return kQueueFull;
    case ENOENT:
    case ECONNREFUSED: return kNoObserver;
    case EACCES:
    case EPERM: return kNotPermitted;
    default: return kFailed;
  }
}

void add(hb_agent& agent, Count count) {
  agent.session->counts[count].fetch_add(1, std::memory_order_relaxed);
}

// Where the kernel does not wipe the session in a child, every beat asks whose it is.
void begin_in_child(hb_agent& agent) {
  Session& session = *agent.session;
  const auto own = static_cast<std::uint32_t>(::getpid());
  if (session.pid.load(std::memory_order_relaxed) == own) return;
  if (!agent.is_wiped) new (&session) Session{};
  session.pid.store(own, std::memory_order_relaxed);
}

std::uint32_t own_pid(hb_agent& agent) {
  const std::uint32_t known = agent.session->pid.load(std::memory_order_relaxed);
  if (!agent.is_wiped || known == 0) begin_in_child(agent);
  return agent.session->pid.load(std::memory_order_relaxed);
}

// --- The socket: each returns 0 or errno, and is async-signal-safe ---

// By syscall(2): send(2) and connect(2) are points at which a thread can be cancelled.

int transmit(const hb_agent& agent, const vlp::Bytes& frame) {
  for (;;) {
    const int fd = agent.fd;
    const long sent = ::syscall(SYS_sendto, fd, frame.data(), frame.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    if (sent >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

void note(FileId& id, const struct stat& status) {
  id.dev = status.st_dev;
  id.ino = status.st_ino;
}

bool is(const FileId& id, const struct stat& status) {
  return id.ino != 0 && status.st_ino == id.ino && status.st_dev == id.dev;
}

// A program that has closed its descriptors may have another file at the number by now.
void close_own(hb_agent& agent) {
  struct stat status {};
  const int fd = agent.fd;
  if (fd >= 0 && ::fstat(fd, &status) == 0 && is(agent.socket, status)) ::close(fd);
}

// Never standard input, output or error, which a daemon may have closed.
int open_socket() {
  constexpr int kLowest = 3;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || fd >= kLowest) return fd;
  const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, kLowest);
  const int code = errno;
  ::close(fd);
  errno = code;
  return higher;
}

int open_again(hb_agent& agent) {
  const int fd = open_socket();
  if (fd < 0) return errno;
  close_own(agent);
  struct stat status {};
  if (::fstat(fd, &status) == 0) note(agent.socket, status);
  agent.fd = fd;
  return 0;
}

// What the path leads to is noted before it is connected to, so that a replacement between the
// two is seen at the next look.
int connect(hb_agent& agent) {
  struct stat status {};
  ::stat(agent.address.sun_path, &status);
  const int fd = agent.fd;
  if (::syscall(SYS_connect, fd, &agent.address, agent.address_bytes) != 0) return errno;
  note(agent.connected_to, status);
  add(agent, kConnects);
  return 0;
}

// The path leads to another socket than that which the agent is connected to: nobody may read
// that one any more, though some process still has it open. A path that cannot be looked at
// (chroot(2), or no observer) says nothing.
bool is_replaced(hb_agent& agent, std::uint64_t at_ns) {
  agent.session->looked_ns.store(at_ns, std::memory_order_relaxed);
  struct stat status {};
  return ::stat(agent.address.sun_path, &status) == 0 && !is(agent.connected_to, status);
}

bool is_look_due(const hb_agent& agent, std::uint64_t at_ns) {
  return at_ns >= agent.session->looked_ns.load(std::memory_order_relaxed) + kLookEvery_ns;
}

// In a child a socket of its own: whatever a process connects or shuts down is so in all that
// share it.
int have_own_socket(hb_agent& agent) {
  if (agent.session->has_socket.exchange(true)) return 0;
  const int code = open_again(agent);
  if (code != 0) agent.session->has_socket = false;
  return code;
}

// Why it was not sent may pass with another connection, or with another socket.
int deliver_again(hb_agent& agent, const vlp::Bytes& frame, int code) {
  const bool is_unusable = code == EBADF || code == ENOTSOCK || code == EPIPE;
  if (is_unusable) {
    if (const int failed = open_again(agent); failed != 0) return failed;
  } else if (code != ENOTCONN && code != ECONNREFUSED && code != ECONNRESET) {
    return code;
  }
  const int failed = connect(agent);
  return failed != 0 ? failed : transmit(agent, frame);
}

int deliver(hb_agent& agent, const vlp::Bytes& frame, std::uint64_t at_ns) {
  if (const int failed = have_own_socket(agent); failed != 0) return failed;
  if (is_look_due(agent, at_ns) && is_replaced(agent, at_ns)) connect(agent);
  int code = transmit(agent, frame);
  if (code == EAGAIN && is_replaced(agent, at_ns)) code = ENOTCONN;
  return code == 0 ? 0 : deliver_again(agent, frame, code);
}

// --- Beats ---

vlp::Bytes frame_of(std::uint64_t word, std::uint32_t pid, std::uint64_t nonce,
                    std::uint64_t at_ns) {
  return vlp::encode({.status = static_cast<vlp::Status>(word >> 32 & 3),
                      .pid = pid,
                      .timestamp = at_ns,
                      .nonce = nonce,
                      .payload = static_cast<std::uint32_t>(word)});
}

// After the last regular nonce comes 0.
std::uint64_t next_nonce(Session& session) {
  const std::uint64_t nonce = session.last_nonce.fetch_add(1) + 1;
  return nonce != vlp::kTerminalNonce ? nonce : session.last_nonce.fetch_add(1) + 1;
}

int send_beat(hb_agent& agent, std::uint64_t word, std::uint64_t at_ns) {
  const std::uint32_t pid = own_pid(agent);
  const auto frame = frame_of(word, pid, next_nonce(*agent.session), at_ns);
  const int code = deliver(agent, frame, at_ns);
  add(agent, count_of(code));
  return code;
}

// False: another thread is just sending. Not one that began long ago: it may never go on, as it
// was left by siglongjmp(3), ended by its own signal handler, or stopped. If it does, its frame
// may come too late, and is refused as out of order: one beat.
bool begin_sending(Session& session, std::uint64_t now_ns) {
  std::uint64_t since_ns = session.sending_since_ns;
  // `now_ns` may be the earlier one: the other has begun since it was taken.
  if (since_ns != 0 && now_ns < since_ns + kMostSending_ns) return false;
  return session.sending_since_ns.compare_exchange_strong(since_ns, now_ns);
}

void end_sending(Session& session, std::uint64_t began_ns) {
  session.sending_since_ns.compare_exchange_strong(began_ns, 0);
}

}  // namespace

// Beats have to be sent in the order of their nonces, and nobody may wait: whoever finds another
// thread (or what it has interrupted, in a signal handler) sending leaves its beat to that one.
// Bounded, since others may beat all the time: what is left then is sent by the next one.
int beat(hb_agent& agent, std::uint64_t word) {
  constexpr int kMostForOthers = 16;
  own_pid(agent);  // which clears the session, if it is the parent's
  Session& session = *agent.session;
  if (session.waiting.exchange(word) != 0) add(agent, kCovered);
  int code = 0;
  for (int n = 0; n < kMostForOthers && session.waiting.load() != 0; ++n) {
    const std::uint64_t at_ns = now_ns();
    if (!begin_sending(session, at_ns)) return 0;
    const std::uint64_t newest = session.waiting.exchange(0);
    if (newest != 0) code = send_beat(agent, newest, at_ns);
    end_sending(session, at_ns);
  }
  return code;
}

namespace {

bool set_path(hb_agent& agent, const char* path) {
  if (path == nullptr) path = ::secure_getenv("HB_SOCKET");
  if (path == nullptr) path = HB_AGENT_DEFAULT_SOCKET;
  const std::size_t length = std::strlen(path);
  if (path[0] != '/') return errno = length == 0 ? ENOENT : EINVAL, false;
  if (length >= sizeof(agent.address.sun_path)) return errno = ENAMETOOLONG, false;
  agent.address.sun_family = AF_UNIX;
  std::memcpy(agent.address.sun_path, path, length + 1);
  agent.address_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  return true;
}

bool make_session(hb_agent& agent) {
  void* memory =
      ::mmap(nullptr, sizeof(Session), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  agent.session = new (memory) Session{};
  agent.is_wiped = ::madvise(memory, sizeof(Session), MADV_WIPEONFORK) == 0;
  return true;
}

bool open(hb_agent& agent, const char* path) {
  if (!set_path(agent, path) || !make_session(agent)) return false;
  const int code = have_own_socket(agent);
  errno = code;
  return code == 0;
}

}  // namespace
}  // namespace hb::agent

using namespace hb::agent;

hb_agent* hb_agent_open(const char* path) {
  void* memory = std::malloc(sizeof(hb_agent));  // C programs have no operator new
  if (memory == nullptr) return nullptr;
  auto* agent = new (memory) hb_agent{};
  agent->fd = -1;
  agent->ticker_beat = word_of(HB_AGENT_OK, 0);
  if (open(*agent, path)) return agent;
  const int code = errno;
  hb_agent_close(agent);
  errno = code;
  return nullptr;
}

void hb_agent_close(hb_agent* agent) {
  if (agent == nullptr) return;
  if (agent->session != nullptr) hb_agent_stop_ticker(agent);
  forget_at_crash(*agent);
  close_own(*agent);
  if (agent->session != nullptr) ::munmap(agent->session, sizeof(Session));
  std::free(agent);
}

int hb_agent_beat(hb_agent* agent, hb_agent_status status, std::uint32_t payload) {
  if (!is_status(status)) return -EINVAL;
  return -beat(*agent, word_of(status, payload));
}

// Does not wait for a beat that it may have interrupted: whatever the order, it is accepted.
int hb_agent_last_word(hb_agent* agent, std::uint32_t payload) {
  const std::uint64_t at_ns = now_ns();
  const std::uint32_t pid = own_pid(*agent);
  const std::uint64_t word = word_of(HB_AGENT_CRITICAL, payload);
  const int code = deliver(*agent, frame_of(word, pid, hb::vlp::kTerminalNonce, at_ns), at_ns);
  add(*agent, count_of(code));
  return -code;
}

void hb_agent_set_status(hb_agent* agent, hb_agent_status status, std::uint32_t payload) {
  if (is_status(status)) agent->ticker_beat = word_of(status, payload);
}

void hb_agent_get_counts(const hb_agent* agent, hb_agent_counts* counts) {
  std::array<std::uint64_t, kCounts> values;
  for (std::size_t n = 0; n < kCounts; ++n) {
    values[n] = agent->session->counts[n].load(std::memory_order_relaxed);
  }
  std::memcpy(counts, values.data(), sizeof(*counts));
}

int hb_agent_fd(const hb_agent* agent) { return agent->fd; }
