#include "tests/daemon/crowd.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <functional>

#include "base/units.hpp"
#include "lab/bench/time.hpp"
#include "transport/unix_connection.hpp"
#include "vlp/frame.hpp"

namespace hb::test {
namespace {

using lab::Child;
using lab::Line;

constexpr std::size_t kStack_bytes = 8 * 1024;
constexpr lab::Patience kPatience{-1, 60'000};

// The parameters of one process of the crowd. Written by its parent before it may send.
struct Member {
  Crowd::Board* board;
  int connection;
  std::uint32_t uid;
  pid_t parent;
  vlp::Bytes frame;
};

// They share memory and the thread's own with their parent and each other: in live() there is
// nothing but system calls and atomic builtins, and nothing that a sanitizer adds.
#define HB_BARE __attribute__((no_sanitize("address"))) __attribute__((no_sanitize("undefined")))

HB_BARE std::uint32_t* word(std::atomic<std::uint32_t>& value) {
  return reinterpret_cast<std::uint32_t*>(&value);
}

HB_BARE void wait_until_set(std::atomic<std::uint32_t>& value) {
  while (__atomic_load_n(word(value), __ATOMIC_ACQUIRE) == 0) {
    ::syscall(SYS_futex, word(value), FUTEX_WAIT, 0, nullptr, nullptr, 0);
  }
}

// The system calls themselves: libc's would change the credentials of the parent's threads. The
// parent may have been killed before its death could mean anything to this process.
HB_BARE bool become(const Member& self) {
  const std::uint32_t uid = self.uid;
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, uid, uid, uid) == 0 &&
         ::syscall(SYS_setresuid, uid, uid, uid) == 0 &&
         ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
         ::syscall(SYS_getppid) == self.parent;
}

HB_BARE int live(void* told) {
  Member& self = *static_cast<Member*>(told);
  Crowd::Board& board = *self.board;
  if (!become(self)) ::syscall(SYS_exit_group, 1);
  __atomic_fetch_add(word(board.born), 1, __ATOMIC_RELEASE);
  wait_until_set(board.may_send);
  const long sent = ::syscall(SYS_sendto, self.connection, &self.frame, sizeof(self.frame),
                              MSG_NOSIGNAL, nullptr, 0);
  __atomic_fetch_add(word(sent < 0 ? board.failed : board.sent), 1, __ATOMIC_RELEASE);
  wait_until_set(board.may_leave);
  ::syscall(SYS_exit_group, 0);
  return 0;
}

void set(std::atomic<std::uint32_t>& value) {
  value = 1;
  ::syscall(SYS_futex, word(value), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

bool eventually_equals(std::size_t wanted, const std::function<std::size_t()>& value) {
  const std::uint64_t deadline_ns = bench::now_ns() + kPatience.deadline_ms * kNsPerMs;
  while (value() != wanted) {
    if (bench::now_ns() > deadline_ns) return false;
    bench::sleep_until_ns(bench::now_ns() + kNsPerMs);
  }
  return true;
}

Result<char*> make_stacks(std::size_t processes) {
  void* stacks = ::mmap(nullptr, processes * kStack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const int code = errno;
  if (stacks == MAP_FAILED) return os_error(code, "cannot make stacks for a crowd");
  return static_cast<char*>(stacks);
}

// Waits if there are no free pids.
Result<std::uint32_t> clone_patiently(char* stack, Member& member) {
  const std::uint64_t deadline_ns = bench::now_ns() + kPatience.deadline_ms * kNsPerMs;
  for (;;) {
    const int pid = ::clone(live, stack, CLONE_VM | SIGCHLD, &member);
    const int code = errno;
    if (pid > 0) return static_cast<std::uint32_t>(pid);
    if (code != EAGAIN || bench::now_ns() > deadline_ns)
      return os_error(code, "cannot make a crowd");
    bench::sleep_until_ns(bench::now_ns() + 10 * kNsPerMs);
  }
}

Result<> make_members(std::vector<Member>& members) {
  const auto stacks = make_stacks(members.size());
  if (!stacks) return stacks.error();
  char* top = stacks.value();
  for (Member& member : members) {
    top += kStack_bytes;
    const auto pid = clone_patiently(top, member);
    if (!pid) return pid.error();
    member.frame = vlp::encode({vlp::Status::Ok, pid.value(), bench::now_ns(), 1, 0});
  }
  return ok();
}

// In the process whose children they are.
Result<> raise_crowd(Line& line, const std::string& socket, Crowd::Board& board,
                     std::size_t processes, const std::vector<std::uint32_t>& uids) {
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_NPROC, &none);
  const auto connection = connect_unix(socket);
  if (!connection) return connection.error();
  std::vector<Member> members;
  for (std::size_t i = 0; i < processes; ++i) {
    members.push_back({&board, connection.value().get(), uids[i % uids.size()], ::getpid(), {}});
  }
  if (auto made = make_members(members); !made) return made;
  line.tell("made");
  while (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
  }
  return ok();
}

}  // namespace

Result<Crowd> Crowd::gather(const std::string& socket, std::size_t processes,
                            const std::vector<std::uint32_t>& uids) {
  auto board = bench::Shared<Board>::make();
  if (!board) return board.error();
  Board& shared = *board.value();
  auto parent =
      Child::start([&](Line& line) { return raise_crowd(line, socket, shared, processes, uids); },
                   {}, kPatience);
  if (!parent) return parent.error();
  if (const auto made = parent.value().hear(); !made) return made.error();
  if (!eventually_equals(processes, [&] { return shared.born.load(); })) {
    return Error{"not all of a crowd have come to life"};
  }
  return Crowd(std::move(board).value(), processes, std::move(parent).value());
}

Result<> Crowd::send() {
  set(board_->may_send);
  const auto done = [&] { return board_->sent + board_->failed; };
  if (!eventually_equals(processes_, done)) return Error{"not all of a crowd can send"};
  if (board_->failed > 0) return Error{std::to_string(board_->failed) + " could not send"};
  return ok();
}

Result<> Crowd::leave() {
  set(board_->may_send);
  set(board_->may_leave);
  const auto left = parent_->finish();
  parent_.reset();
  return left;
}

// A sender that is blocked on an observer's queue is woken when that observer ends.
Crowd::~Crowd() {
  if (!parent_) return;
  [[maybe_unused]] const auto left = leave();
}

}  // namespace hb::test
