// `hb-ebpf status` and `hb-ebpf top` on a real observer.
#include <gtest/gtest.h>

#include <memory>

#include "tests/status/terminal.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {
namespace {

class LiveStatus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (run_to_end({"run", "--help"}).out.find("--status-socket") == std::string::npos) {
      GTEST_SKIP() << "this hb-ebpf has no status socket to read";
    }
    observer_ = std::make_unique<ObserverProcess>(
        directory_.path("hb.sock"), Argv{"--attest", "procfs", "--beats", "none", "--threshold-ms",
                                         "60000", "--status-socket", path_});
    agent_ = std::make_unique<Process>(
        hb_ebpf({"beat", "--socket", directory_.path("hb.sock"), "--interval-ms", "20"}));
  }

  Outcome status(const std::string& format) {
    return run_to_end({"status", "--status-socket", path_, "--format", format});
  }

  // As JSON, of the agent; {} while the observer does not tell of it.
  Json agent() {
    const Outcome outcome = status("json");
    if (outcome.code != 0) return Json::object();
    const Json document = Json::parse(outcome.out);
    for (const Json& agent : document["agents"]["list"]) {
      if (agent["pid"] == agent_->pid()) return agent;
    }
    return Json::object();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("status.sock");
  std::unique_ptr<ObserverProcess> observer_;
  std::unique_ptr<Process> agent_;
};

TEST_F(LiveStatus, TellsOfAnAgentAndOfAnObserverThatIsWell) {
  EXPECT_TRUE(eventually([&] { return agent().value("state", "") == "alive"; })) << agent();
  const Outcome outcome = status("text");
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("healthy yes, ready yes"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\n" + std::to_string(agent_->pid()) + " "), std::string::npos);
}

TEST_F(LiveStatus, EndsWith1WhenTheObserverIsGone) {
  EXPECT_TRUE(eventually([&] { return status("text").code == 0; })) << status("text").err;
  observer_->process().signal(SIGTERM);
  observer_->process().wait();
  const Outcome outcome = status("text");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("Is `hb-ebpf run` running"), std::string::npos) << outcome.err;
}

TEST_F(LiveStatus, IsShownByTopUntilTheObserverIsGone) {
  HB_NEEDS(Terminal::is_there(), "tmux");
  Terminal terminal(80, 24,
                    hb_ebpf({}).front() + " top --interval-ms 100 --status-socket " + path_);
  terminal.expect("healthy  ready");
  terminal.expect(" " + std::to_string(agent_->pid()) + " ok ");
  // Its rate, from one document to the next.
  EXPECT_TRUE(eventually([&] { return !terminal.shows("beats/s -"); })) << terminal.text();
  observer_->process().signal(SIGTERM);
  observer_->process().wait();
  terminal.expect("cannot read an observer's status");
  terminal.type("q");
  terminal.expect("ended with 0");
}

}  // namespace
}  // namespace hb::test
