// The agents' socket is a socket unit's: it is there before the observer and after it, what waits
// in it accuses nobody, and nothing of it is made, removed or replaced here.
#include "tests/support/passed_socket.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/agent.hpp"
#include "tests/support/connected.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/notify_server.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {
namespace {

class OfASocketUnit : public ::testing::Test {
 protected:
  ObserverProcess observe(const std::string& name = "agents") {
    return {path_, {"--threshold-ms", "600000"}, socket_, name};
  }

  void send(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t nonce = first; nonce <= last; ++nonce) {
      ASSERT_TRUE(send_claim(path_, own_pid(), nonce)) << nonce;
    }
  }

  static bool send_frame(const Fd& sender, int flags) {
    const auto frame = frame_of(own_pid());
    return ::send(sender.get(), frame.data(), frame.size(), flags) > 0;
  }

  static int unread_bytes(const Fd& sender) {
    int bytes = -1;
    ::ioctl(sender.get(), SIOCOUTQ, &bytes);
    return bytes;
  }

  static bool is_in_system_call(pid_t pid, long number) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/syscall");
    long seen = -1;
    return file >> seen && seen == number;
  }

  static void expect_beats(ObserverProcess& observer, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t nonce = first; nonce <= last; ++nonce) {
      const Json beat = observer.expect("beat");
      EXPECT_EQ(beat["nonce"], nonce);
      EXPECT_EQ(beat["origin"], "kernel_attested");
    }
  }

  [[nodiscard]] bool is_readable() const {
    pollfd polled{socket_.socket().get(), POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1;
  }

  static std::uint64_t before_start(const Json& counters) {
    return counters["frames_dropped_total"]["before_start"];
  }

  // The exit code of an observer that is passed this; the log is in log_.
  int refusal(const PassedSocket& socket, Argv more = {}, const std::string& path = "") {
    more.insert(more.begin(), {"run", "--socket", path.empty() ? path_ : path});
    Process observer(PassedSocket::pass_to(hb_ebpf(more)), socket.streams());
    const int code = observer.wait();
    log_ = observer.errors();
    return code;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("hb.sock");
  const PassedSocket socket_{path_};
  std::string log_;
};

TEST_F(OfASocketUnit, WhatWaitedIsCountedAndAccusesNobody) {
  send(1, 3);
  ObserverProcess observer = observe();
  const Json lost = observer.expect_loss("before_start");
  EXPECT_GE(lost["total"], 1) << lost;
  send(4, 5);
  expect_beats(observer, 4, 5);
  const Json counters = observer.stop();
  EXPECT_EQ(before_start(counters), 3U);
  EXPECT_EQ(counters["beats_total"], 2U);
}

TEST_F(OfASocketUnit, ItOutlivesTheObserverAndIsTheNextOnes) {
  {
    ObserverProcess observer = observe();
    send(1, 1);
    expect_beats(observer, 1, 1);
    EXPECT_EQ(before_start(observer.stop()), 0U);
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
  send(2, 4);
  ObserverProcess observer = observe("hb-ebpf.socket");
  send(5, 5);
  expect_beats(observer, 5, 5);
  EXPECT_EQ(before_start(observer.stop()), 3U);
}

// Its program stays on the socket, and takes what is sent meanwhile to where nobody reads.
TEST_F(OfASocketUnit, TheProgramOfAKilledOneIsReplaced) {
  {
    ObserverProcess observer = observe();
    observer.process().signal(SIGKILL);
    EXPECT_EQ(observer.process().wait(), 128 + SIGKILL);
  }
  ObserverProcess observer = observe();
  send(1, 1);
  expect_beats(observer, 1, 1);
  observer.stop();
}

// The sender waited for room when the program came. Newer kernels (6.18, not 6.12) do not run the
// program again for what it sends, so that has no stamp.
TEST_F(OfASocketUnit, SendersWhoWaitedForRoomAreNotAccusedEither) {
  const Fd sender = connected_to(path_);
  std::uint64_t queued = 0;
  while (send_frame(sender, MSG_DONTWAIT)) ++queued;
  ASSERT_EQ(errno, EAGAIN);
  Child waiting = Child::run([&] { become(send_frame(sender, 0) ? 0 : 1); });
  ASSERT_TRUE(eventually([&] { return is_in_system_call(waiting.pid(), SYS_sendto); }));
  ObserverProcess observer = observe();
  EXPECT_EQ(waiting.wait(), 0);
  EXPECT_TRUE(eventually([&] { return unread_bytes(sender) == 0; }));
  send(2, 2);
  std::uint64_t beats = 0;
  for (bool has_come = false; !has_come;) {
    const Json told = observer.next_event();
    if (told.value("event", "") == "stall") continue;  // of the one that waited, which has ended
    ASSERT_EQ(told.value("event", ""), "beat") << told;
    ++beats;
    has_come = told["nonce"] == 2;
  }
  EXPECT_LE(beats, 2U);
  EXPECT_EQ(before_start(observer.stop()), queued + 2 - beats);
}

// Else nothing may be queued.
bool descriptors_are_seen() {
  Process doctor(hb_ebpf({"doctor", "--format", "json"}));
  const auto findings = doctor.next_line();
  EXPECT_TRUE(findings);
  return findings->find(R"("check":"descriptors","state":"ok")") != std::string::npos;
}

// An observer that leaves everything to a successor does not know whether there will be one. The
// service manager, which watches the socket, sees the next beat, and may start it.
TEST_F(OfASocketUnit, AfterTheEndTheNextBeatMakesTheSocketReadable) {
  const std::string notify = directory_.path("notify");
  const Fd manager = notify_server(notify);
  ::setenv("NOTIFY_SOCKET", notify.c_str(), 1);
  ::setenv("FDSTORE", "64", 1);
  std::optional<ObserverProcess> observer(std::in_place, path_, Argv{"--threshold-ms", "600000"},
                                          socket_);
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("FDSTORE");
  send(1, 1);
  expect_beats(*observer, 1, 1);
  EXPECT_FALSE(is_readable()) << "it is delivered by ring";
  observer->stop();
  EXPECT_FALSE(is_readable());
  send(2, 3);
  const bool is_queued = descriptors_are_seen();
  EXPECT_EQ(is_readable(), is_queued);
  observer.emplace(path_, Argv{"--threshold-ms", "600000"}, socket_);  // what was left is lost
  send(4, 4);
  expect_beats(*observer, 4, 4);
  EXPECT_EQ(before_start(observer->stop()), is_queued ? 2U : 0U);
}

TEST_F(OfASocketUnit, ALostPathIsToldWithWhatToDo) {
  ObserverProcess observer = observe();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_EQ(observer.expect("reach")["reachable"], false);
  observer.expect_logged("restart the socket unit");
  EXPECT_FALSE(std::filesystem::exists(path_));
  observer.stop();
}

TEST_F(OfASocketUnit, AnotherPathIsRefused) {
  EXPECT_EQ(refusal(socket_, {}, directory_.path("other.sock")), 1);
  EXPECT_NE(log_.find("it is bound to '" + path_ + "', and --socket is "), std::string::npos)
      << log_;
}

// The unit's SocketMode= must not open what --socket-mode closes.
TEST_F(OfASocketUnit, AnotherModeIsRefused) {
  EXPECT_EQ(refusal(socket_, {"--socket-mode", "0660"}), 1);
  EXPECT_NE(log_.find("the mode 0600, and --socket-mode is 0660"), std::string::npos) << log_;
}

TEST_F(OfASocketUnit, AStreamSocketIsRefused) {
  const std::string path = directory_.path("stream");
  const PassedSocket stream(path, SOCK_STREAM);
  EXPECT_EQ(refusal(stream, {}, path), 1);
  EXPECT_NE(log_.find("ListenDatagram="), std::string::npos) << log_;
}

// Who sent what waits there nobody knows any more, and each would be accused.
TEST_F(OfASocketUnit, ProcfsAttestationIsRefused) {
  EXPECT_EQ(refusal(socket_, {"--attest", "procfs"}), 2);
  EXPECT_NE(log_.find("--attest procfs"), std::string::npos) << log_;
}

TEST_F(OfASocketUnit, PairingBySocketBufferIsRefused) {
  EXPECT_EQ(refusal(socket_, {"--correlate", "skb"}), 2);
  EXPECT_NE(log_.find("--correlate skb"), std::string::npos) << log_;
}

// A file that somebody put there meanwhile is not this socket.
TEST_F(OfASocketUnit, APathThatLeadsElsewhereIsToldAtOnce) {
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  const PassedSocket usurper(path_);
  ObserverProcess observer = observe();
  EXPECT_EQ(observer.expect("reach")["reachable"], false);
  observer.stop();
}

}  // namespace
}  // namespace hb::test
