// An observer with a notify socket, and processes that say what they are told to.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/connected.hpp"
#include "tests/support/pipe.hpp"

namespace hb::test {

// One message of this process, by the path. Whether it was sent.
inline bool notify(const std::string& path, std::string_view text) {
  const Fd sender = connected_to(path);
  return ::send(sender.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

// A process that says something, and again and again when it is told to.
class NotifyAgent {
 public:
  NotifyAgent(const std::string& path, const std::string& text)
      : process_(Child::run([&] {
          const Fd sender = connected_to(path);
          go_.close_writer();
          do become(::send(sender.get(), text.data(), text.size(), 0) > 0 ? 0 : 1);
          while (!go_.text(1).empty());
        })) {}

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  // Its text once more.
  void say_again() { EXPECT_EQ(::write(go_.in(), "x", 1), 1); }
  // Its wait status.
  int end() {
    go_.close_writer();
    return process_.wait();
  }

 private:
  Pipe go_;
  Child process_;
};

class NotifyRun : public Attest {
 protected:
  ObserverProcess observe(Argv more = {}) {
    more.insert(more.end(), {"--notify-socket", notify_path_});
    return Attest::observe(std::move(more));
  }
  std::string delivery() const override { return "ring"; }

  // The next beat, of that process and by this protocol.
  static Json expect_beat(ObserverProcess& observer, pid_t pid) {
    Json beat = observer.expect("beat");
    EXPECT_EQ(beat["pid"], pid) << beat;
    EXPECT_EQ(beat["protocol"], "notify") << beat;
    EXPECT_EQ(beat["origin"], "kernel_attested") << beat;
    return beat;
  }

  const std::string notify_path_ = directory_.path("notify.sock");
};

}  // namespace hb::test
