// `hb-ebpf run` that listens on a UDP port of the loopback interface, and keys for it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/support/agent.hpp"
#include "tests/support/observer_process.hpp"
#include "transport/udp_agent.hpp"
#include "transport/udp_listener.hpp"

namespace hb::test {

using std::chrono::milliseconds;

// A port that was free a moment ago, out of a range that belongs to this process.
inline std::string free_port() {
  static int tried = 0;
  for (; tried < 40; ++tried) {
    const auto port = static_cast<std::uint16_t>(10'000 + ::getpid() % 500 * 40 + tried);
    const auto probe = UdpListener::open(UdpAddress::of("127.0.0.1", port).value());
    if (!probe) continue;
    ++tried;
    return std::to_string(port);
  }
  ADD_FAILURE() << "no free UDP port";
  return "1";
}

class UdpRun : public ::testing::Test {
 protected:
  // With --attest procfs: nothing about UDP depends on the kernel program. Nobody is silent unless
  // a test wants it: on a busy machine an agent was, between its beat and the end of the test.
  ObserverProcess observe(Argv more) {
    if (std::find(more.begin(), more.end(), "--threshold-ms") == more.end()) {
      more.insert(more.end(), {"--threshold-ms", "600000"});
    }
    more.insert(more.end(), {"--attest", "procfs", "--udp-port", port_});
    return ObserverProcess(socket_, more);
  }

  ObserverProcess observe_plainly(Argv more = {}) {
    more.push_back("--i-accept-plaintext-udp");
    return observe(more);
  }

  // A key file; which key it holds is told by `digit`.
  std::string key_file(char digit = 'a') {
    const std::string path = directory_.path(std::string("key-") + digit);
    std::ofstream(path) << std::string(64, digit);
    ::chmod(path.c_str(), 0600);
    return path;
  }

  // An agent of the binary.
  Argv agent(Argv more) {
    more.insert(more.begin(), {"beat", "--udp", where_, "--interval-ms", "5"});
    return hb_ebpf(more);
  }

  void beat(Argv more, std::uint64_t count = 1) {
    more.insert(more.end(), {"--count", std::to_string(count)});
    Process process(agent(more));
    EXPECT_EQ(process.wait(), 0) << process.errors();
  }

  bool send(std::span<const std::uint8_t> bytes) {
    UdpAgent sender(UdpAddress::parse(where_).value());
    const auto sent = sender.send(bytes);
    return sent && sent.value() == UdpAgent::Outcome::Sent;
  }

  bool send_claim_over_udp(std::uint32_t pid, std::uint64_t nonce = 1) {
    return send(frame_of(pid, nonce));
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
  const std::string port_ = free_port();
  const std::string where_ = "127.0.0.1:" + port_;
};

}  // namespace hb::test
