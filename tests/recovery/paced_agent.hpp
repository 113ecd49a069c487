// PacedAgent: an agent of some user that beats when the test says so.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/fd.hpp"
#include "tests/support/agent.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {

inline constexpr std::uint32_t kAgentUid = 65533;
inline constexpr std::uint32_t kOtherUid = 65532;

class PacedAgent {
 public:
  // `then`: what it does, once, when it is told to change; afterwards it is silent.
  PacedAgent(const std::string& socket, std::uint32_t uid, const std::function<void()>& then = {})
      : PacedAgent(make_pipe(), socket, uid, then) {}

  [[nodiscard]] pid_t pid() const { return child_.pid(); }

  void beat() const { tell('b'); }
  void change() const { tell('c'); }

  // Beats until its pidfd is proven: the third beat is sent when the second has been told of, and
  // the pidfd was opened before. The observer shows all beats, and nobody else sends.
  void prove_to(ObserverProcess& observer) const {
    for (int i = 0; i < 3; ++i) beat_to(observer);
  }
  void beat_to(ObserverProcess& observer) const {
    beat();
    Json event = observer.next_event();
    while (event.is_object() && event.value("event", "") == "stall") event = observer.next_event();
    EXPECT_EQ(event.value("pid", 0), pid()) << event;
  }

 private:
  struct Pipe {
    Fd read;
    Fd write;
  };

  static Pipe make_pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    return {Fd(ends[0]), Fd(ends[1])};
  }

  PacedAgent(Pipe pipe, const std::string& socket, std::uint32_t uid,
             const std::function<void()>& then)
      : orders_(std::move(pipe.write)),
        child_(Child::run([&] { obey(pipe.read, socket, uid, then); })) {}

  static void obey(const Fd& orders, const std::string& socket, std::uint32_t uid,
                   const std::function<void()>& then) {
    become(uid == 0 ? 0 : ::setresuid(uid, uid, uid));
    std::uint64_t nonce = 0;
    for (char order = 0; ::read(orders.get(), &order, 1) == 1;) {
      if (order == 'b') send_claim(socket, own_pid(), ++nonce);
      if (order == 'c' && then) then();
    }
  }

  void tell(char order) const { EXPECT_EQ(::write(orders_.get(), &order, 1), 1); }

  Fd orders_;
  Child child_;
};

}  // namespace hb::test
