// What a service manager is told by NOTIFY_SOCKET, and that telling it costs the observer nothing.
#include <poll.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/eventually.hpp"
#include "tests/support/notify_server.hpp"
#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

// The service manager's side of NOTIFY_SOCKET: a path, or "@name".
class Notified {
 public:
  explicit Notified(const std::string& name) : socket_(notify_server(name)) {}

  // The next message; nothing when none comes.
  std::optional<std::string> next(milliseconds patience = kPatience) {
    pollfd polled{socket_.get(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
    std::array<char, 4096> text{};
    const ssize_t bytes = ::recv(socket_.get(), text.data(), text.size(), 0);
    return bytes < 0 ? std::nullopt
                     : std::optional(std::string(text.data(), static_cast<std::size_t>(bytes)));
  }

  // The next message with `part`, past all others.
  std::string expect(const std::string& part) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      const auto message = next();
      if (message && message->find(part) != std::string::npos) return *message;
    }
    ADD_FAILURE() << "not told: " << part;
    return {};
  }

  // Until it takes no more.
  void fill() {
    const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    socklen_t bytes = sizeof(to);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&to), &bytes);
    while (::sendto(sender.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), bytes) > 0) {
    }
  }

 private:
  Fd socket_;
};

class Notify : public Run {
 protected:
  void SetUp() override { ::setenv("NOTIFY_SOCKET", name_.c_str(), 1); }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  static void expect_food_every(std::chrono::microseconds period) {
    ::setenv("WATCHDOG_USEC", std::to_string(period.count()).c_str(), 1);
  }

  TemporaryDirectory elsewhere_;
  const std::string name_ = elsewhere_.path("notify");
};

TEST_F(Notify, TellsThatItIsReadyAndThatItEnds) {
  Notified manager(name_);
  ObserverProcess observer = observe();
  EXPECT_EQ(manager.next(), "READY=1\nSTATUS=Observing 0 agents at " + socket_);
  observer.stop();
  manager.expect("STOPPING=1");
  EXPECT_FALSE(manager.next(milliseconds(0)));
}

TEST_F(Notify, AbstractSocketsAreToldToo) {
  const std::string name = "@hb-notify-test-" + std::to_string(own_pid());
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  Notified manager(name);
  ObserverProcess observer = observe();
  manager.expect("READY=1");
  observer.stop();
}

TEST_F(Notify, SaysNothingBeforeAgentsCanSend) {
  Notified manager(name_);
  Process observer(hb_ebpf({"run", "--socket", "/nonexistent/directory/hb.sock"}));
  EXPECT_NE(observer.wait(), 0);
  EXPECT_FALSE(manager.next(milliseconds(0)));
}

TEST_F(Notify, ReloadIsAnnouncedAndEnds) {
  Notified manager(name_);
  ObserverProcess observer = observe();
  manager.expect("READY=1");
  observer.process().signal(SIGHUP);
  const auto reloading = manager.expect("RELOADING=1");
  const auto when = reloading.find("MONOTONIC_USEC=");
  ASSERT_NE(when, std::string::npos) << reloading;
  EXPECT_GT(std::stoull(reloading.substr(when + 15)), 0U);
  manager.expect("READY=1");
  observer.stop();
}

TEST_F(Notify, FeedsTheWatchdogWhileAgentsCanSend) {
  expect_food_every(milliseconds(300));
  Notified manager(name_);
  ObserverProcess observer = observe({"--threshold-ms", "100"});
  for (int i = 0; i < 3; ++i) manager.expect("WATCHDOG=1");
  observer.stop();
}

// The loop turns, and yet it is of no use. (A socket of a live process keeps the path.)
TEST_F(Notify, DoesNotFeedTheWatchdogWhileAgentsCannotSend) {
  expect_food_every(milliseconds(300));
  Notified manager(name_);
  ObserverProcess observer = observe({"--threshold-ms", "100"});
  manager.expect("WATCHDOG=1");
  {
    const Notified usurper(socket_ + ".new");
    std::filesystem::rename(socket_ + ".new", socket_);
    manager.expect("STATUS=Agents cannot reach");
    EXPECT_FALSE(manager.next(milliseconds(700)));
  }
  manager.expect("STATUS=Observing");
  manager.expect("WATCHDOG=1");
}

TEST_F(Notify, DoesNotFeedAWatchdogOfAnotherProcess) {
  expect_food_every(milliseconds(30));
  ::setenv("WATCHDOG_PID", "1", 1);
  Notified manager(name_);
  ObserverProcess observer = observe({"--threshold-ms", "100"});
  manager.expect("READY=1");
  EXPECT_FALSE(manager.next(milliseconds(300)));
  observer.stop();
}

// Anybody may fill the queue of systemd's socket.
TEST_F(Notify, GoesOnWhileNobodyReads) {
  Notified manager(name_);
  ObserverProcess observer = observe();
  manager.expect("READY=1");
  manager.fill();
  observer.process().signal(SIGHUP);
  observer.expect_logged("SIGHUP");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  manager.expect("READY=1");  // once there is room
  observer.stop();
}

TEST_F(Notify, AManagerThatIsGoneIsLoggedAndChangesNothing) {
  ObserverProcess observer = observe();
  observer.expect_logged("nobody is notified");
  observer.stop();
}

TEST_F(Notify, AManagerThatBindsAnewIsToldAgain) {
  auto manager = std::make_unique<Notified>(name_);
  ObserverProcess observer = observe();
  manager->expect("READY=1");
  manager.reset();
  std::filesystem::remove(name_);
  Notified anew(name_);
  observer.process().signal(SIGHUP);
  anew.expect("READY=1");
  observer.stop();
}

}  // namespace
}  // namespace hb::test
