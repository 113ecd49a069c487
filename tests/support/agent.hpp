// Agents of the tests: honest ones, forgers, and those of other PID namespaces.
#pragma once

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/child.hpp"
#include "transport/unix_address.hpp"
#include "transport/unix_agent.hpp"
#include "vlp/frame.hpp"

namespace hb::test {

inline std::uint32_t own_pid() { return static_cast<std::uint32_t>(::getpid()); }

inline vlp::Bytes frame_of(std::uint32_t pid, std::uint64_t nonce = 1,
                           vlp::Status status = vlp::Status::Ok) {
  return vlp::encode({status, pid, 1, nonce, 0});
}

// One frame that claims `pid`; whether it was queued.
inline bool send_claim(const std::string& socket, std::uint32_t pid, std::uint64_t nonce = 1) {
  UnixAgent agent(socket);
  const auto sent = agent.send(frame_of(pid, nonce));
  return sent && sent.value() == UnixAgent::Outcome::Queued;
}

// The same, with that pid in SCM_CREDENTIALS too. Root.
inline bool send_forged(const std::string& socket, std::uint32_t pid, std::uint64_t nonce = 1) {
  UnixAgent agent(socket);
  agent.present_as(pid);
  const auto sent = agent.send(frame_of(pid, nonce));
  return sent && sent.value() == UnixAgent::Outcome::Queued;
}

inline void become(int failed) {
  if (failed != 0) ::_exit(70);
}

// Runs `work` in a process whose pid is 2 in a PID namespace of its own. Root. Returns its wait
// status.
template <typename Work>
int in_private_namespace(Work work) {
  Child parent = Child::run([&] {
    become(::unshare(CLONE_NEWPID));
    Child init = Child::run([] { ::pause(); });
    Child second = Child::run(work);
    become(second.wait());
  });
  return parent.wait();
}

}  // namespace hb::test
