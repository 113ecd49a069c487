// For the attack tests: senders, and whether the observer keeps working.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <set>
#include <vector>

#include "lab/bench/ordinary_user.hpp"
#include "tests/support/attest_fixture.hpp"
#include "transport/unix_connection.hpp"

namespace hb::test {

inline constexpr std::uint32_t kHonestUid = 65532;
inline constexpr std::uint32_t kAttackerUid = 65001;

inline Argv operator+(Argv one, const Argv& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

// In a process that a test has made. Connects first: its user need not reach the socket's
// directory. Waits for no room.
inline void send_as(std::uint32_t uid, const std::string& socket, std::uint64_t frames) {
  const auto connection = connect_unix(socket);
  become(connection ? 0 : 1);
  become(bench::become_user(uid, ::getppid()) ? 0 : 1);
  for (std::uint64_t nonce = 1; nonce <= frames; ++nonce) {
    const vlp::Bytes frame = frame_of(own_pid(), nonce);
    ::send(connection.value().get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

// Sends until the kernel has kept a datagram in the observer's queue: under ring delivery, because
// there was no more room in the ring. Or a hundred times: it lets this user have no more.
inline void send_until_kept(std::uint32_t uid, const std::string& socket) {
  const auto connection = connect_unix(socket);
  become(connection ? 0 : 1);
  become(bench::become_user(uid, ::getppid()) ? 0 : 1);
  int kept_bytes = 0;
  for (std::uint64_t nonce = 1; kept_bytes == 0 && nonce <= 100; ++nonce) {
    const vlp::Bytes frame = frame_of(own_pid(), nonce);
    ::send(connection.value().get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::ioctl(connection.value().get(), SIOCOUTQ, &kept_bytes);
  }
}

// It has sent one beat when this returns, and does nothing more until the test ends it.
inline Child honest_agent(const std::string& socket) {
  Child agent = Child::run([&] {
    send_as(kHonestUid, socket, 1);
    ::raise(SIGSTOP);
  });
  siginfo_t stopped{};
  ::waitid(P_PID, static_cast<id_t>(agent.pid()), &stopped, WSTOPPED | WEXITED | WNOWAIT);
  EXPECT_EQ(stopped.si_code, CLD_STOPPED);
  return agent;
}

inline bool is_beat_of(const Json& event, pid_t pid) {
  return event.value("event", "") == "beat" && event.value("pid", 0) == pid;
}

// Until it comes, among whatever else is told; false when it does not within the patience.
template <typename IsWanted>
bool tells(ObserverProcess& observer, IsWanted is_wanted) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (is_wanted(observer.next_event(milliseconds(100)))) return true;
  }
  return false;
}

inline bool tells_beat_of(ObserverProcess& observer, pid_t pid) {
  return tells(observer, [&](const Json& event) { return is_beat_of(event, pid); });
}

// Ends them. Returns how many of their exits are not reported.
inline std::size_t untold_exits(ObserverProcess& observer, const std::vector<Child>& agents) {
  std::set<pid_t> untold;
  for (const Child& agent : agents) {
    untold.insert(agent.pid());
    ::kill(agent.pid(), SIGKILL);
  }
  while (!untold.empty()) {
    const Json event = observer.next_event();
    if (event.empty()) break;
    if (event.value("cause", "") == "exited") untold.erase(event.value("pid", 0));
  }
  return untold.size();
}

// Ends it and returns its counters; ignores remaining events.
inline Json last_words(ObserverProcess& observer) {
  observer.process().signal(SIGTERM);
  Json event = observer.next_event();
  while (!event.empty() && event.value("event", "") != "stopped") event = observer.next_event();
  if (event.empty()) observer.give_up("no last line of the stream");
  EXPECT_EQ(observer.process().wait(), 0);
  return event.value("counters", Json::object());
}

}  // namespace hb::test
