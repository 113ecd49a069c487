// Invalid datagrams, rate limits, and the observer's own privileges.
#include <sys/socket.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/control_message.hpp"

namespace hb::test {
namespace {

TEST_P(EveryDelivery, DropsWhatIsNoFrameAndSaysHowOften) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  for (const std::size_t length : {0U, 1U, 31U, 33U, 65507U}) {
    ASSERT_TRUE(agent.send(std::vector<std::uint8_t>(length))) << length;
  }
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  const Json counters = observer.stop();
  expect_balance(counters);
  EXPECT_EQ(counters["stamps_dropped_total"]["wrong_length"].get<int>() +
                counters["frames_dropped_total"]["wrong_length"].get<int>(),
            5);
}

TEST_P(EveryDelivery, SaysWhatIsWrongWithAFrame) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  vlp::Bytes frame = frame_of(own_pid());
  frame[0] = 'X';
  ASSERT_TRUE(agent.send(frame));
  EXPECT_EQ(observer.expect("decode")["error"], "BadMagic");
  frame = frame_of(own_pid());
  frame[31] ^= 1;
  ASSERT_TRUE(agent.send(frame));
  EXPECT_EQ(observer.expect("decode")["error"], "BadCrc");
  stop(observer);
}

TEST_P(EveryDelivery, SurvivesNoise) {
  ObserverProcess observer = observe({"--beats", "none", "--max-beat-rate", "0"});
  UnixAgent agent(socket_);
  std::mt19937 random(1);
  std::uniform_int_distribution<int> byte(0, 255);
  int queued = 0;
  for (int i = 0; i < 2000; ++i) {
    vlp::Bytes noise{};
    for (auto& b : noise) b = static_cast<std::uint8_t>(byte(random));
    const auto sent = agent.send(noise);
    ASSERT_TRUE(sent);
    if (sent.value() == UnixAgent::Outcome::Queued) ++queued;
    if (i % 100 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  for (int i = 0; i < queued; ++i) observer.expect("decode");
  stop(observer);
}

std::size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_P(EveryDelivery, NoticesPassedDescriptorsAndOpensNone) {
  constexpr int kRefused = 71;
  ObserverProcess observer = observe();
  const std::size_t before = descriptors_of(observer.process().pid());
  Child sender = Child::run([&] {
    const auto address = unix_address(socket_);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    become(::connect(socket, reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)));
    const auto frame = frame_of(own_pid());
    const bool is_sent =
        send_with_descriptors(socket, frame.data(), frame.size(), std::span(&socket, 1), 0) ==
        ssize_t{vlp::kFrameBytes};
    if (!is_sent && errno == EPERM) ::_exit(kRefused);
    become(is_sent ? 0 : 1);
  });
  const int status = sender.wait();
  ASSERT_TRUE(status == 0 || WEXITSTATUS(status) == kRefused) << status;
  EXPECT_EQ(descriptors_of(observer.process().pid()), before);
  // A kernel that knows SO_PASSRIGHTS (6.16) has told the sender, and there is nothing to notice.
  if (status != 0) return stop(observer);
  observer.expect(queues_datagrams() ? "ctrl_truncated" : "beat");
  EXPECT_EQ(descriptors_of(observer.process().pid()), before);
  stop(observer);
}

TEST_P(EveryDelivery, KeepsNoCapability) {
  ObserverProcess observer = observe();
  std::ifstream status("/proc/" + std::to_string(observer.process().pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff") || line.starts_with("CapPrm")) {
      EXPECT_NE(line.find("0000000000000000"), std::string::npos) << line;
    }
  }
  stop(observer);
}

TEST_F(Attest, SaysWhyAttestationIsNotAvailable) {
  Process observer(hb_ebpf({"run", "--socket", socket_}), {}, renounce_bpf);
  EXPECT_EQ(observer.wait(), 3);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("hb-ebpf doctor"), std::string::npos) << errors;
  EXPECT_NE(errors.find("CAP_BPF"), std::string::npos) << errors;
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

// 500 beats a second: what an emulated machine still serves without a full queue, busy as it may
// be.
TEST_P(EveryDelivery, ServesManyAgentsAtOnce) {
  ObserverProcess observer = observe({"--beats", "none", "--threshold-ms", "60000"});
  std::vector<std::unique_ptr<Process>> agents;
  for (int i = 0; i < 20; ++i) {
    agents.push_back(std::make_unique<Process>(
        hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "40", "--count", "50"})));
  }
  for (auto& agent : agents) EXPECT_EQ(agent->wait(std::chrono::seconds(30)), 0);
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], 1000);
  expect_balance(counters);
}

TEST(Doctor, SaysTheSameInTextAndJson) {
  const Outcome text = run_to_end({"doctor"});
  const Outcome json = run_to_end({"doctor", "--format", "json"});
  EXPECT_EQ(text.code, json.code);
  const Json parsed = Json::parse(json.out, nullptr, false);
  ASSERT_TRUE(parsed.is_object()) << json.out;
  EXPECT_EQ(parsed["ready"].get<bool>(), json.code == 0);
  EXPECT_TRUE(json.code == 0 || json.code == 3);
  for (const auto& check : parsed["checks"]) {
    EXPECT_NE(text.out.find(check["check"].get<std::string>()), std::string::npos);
    EXPECT_NE(check["state"] == "ok", !check["remedy"].get<std::string>().empty()) << check;
  }
}

}  // namespace
}  // namespace hb::test
