#include "recovery/cgroup_walker.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "recovery/cgroup_walk.hpp"
#include "recovery/forked_process.hpp"

namespace hb {
namespace {

static_assert(std::is_trivially_copyable_v<WalkerHello>);
static_assert(std::is_trivially_copyable_v<WalkAnswer>);

// Ends the process when the observer is gone. Blocks while it does not read.
void send_or_end(const Fd& socket, const void* data, std::size_t size, std::string_view more = {}) {
  iovec parts[] = {{const_cast<void*>(data), size}, {const_cast<char*>(more.data()), more.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) ::_exit(0);
}

Result<> prepare_process(Fd& socket, Fd& root, pid_t parent, const PrepareWalker& prepare) {
  if (auto detached = detach_from_parent("hb-ebpf-cgroup", {&socket, &root}); !detached) {
    return detached;
  }
  if (auto prepared = prepare(); !prepared) return prepared;
  return renounce_privileges(parent);
}

void say_hello(const Fd& socket, const Result<>& prepared) {
  WalkerHello hello;
  if (!prepared) {
    std::strncpy(hello.problem.data(), prepared.error().message.c_str(), hello.problem.size() - 1);
  }
  send_or_end(socket, &hello, sizeof(hello));
  if (!prepared) ::_exit(1);
}

void walk(const Fd& socket, const Fd& root, std::unordered_set<std::uint64_t> wanted) {
  const auto outcome =
      walk_cgroups(root, wanted, WalkLimits(), [&](std::uint64_t id, std::string_view path) {
        const WalkAnswer answer{.id = id};
        send_or_end(socket, &answer, sizeof(answer), path);
      });
  const WalkAnswer end{.directories = outcome.directories,
                       .is_cut_short = outcome.was_cut_short ? 1U : 0U};
  send_or_end(socket, &end, sizeof(end));
}

}  // namespace

void run_cgroup_walker(Fd socket, Fd root, pid_t parent, const PrepareWalker& prepare) {
  say_hello(socket, prepare_process(socket, root, parent, prepare));
  std::vector<std::uint64_t> ids(kMaxWantedCgroups);
  for (;;) {
    const ssize_t length = ::recv(socket.get(), ids.data(), ids.size() * sizeof(ids[0]), 0);
    if (length <= 0) ::_exit(0);
    const auto count =
        static_cast<std::ptrdiff_t>(static_cast<std::size_t>(length) / sizeof(ids[0]));
    walk(socket, root, {ids.begin(), ids.begin() + count});
  }
}

}  // namespace hb
