// SIGHUP and SIGUSR1: what is read again, what is told, and that neither ends the observer.
#include <fstream>

#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

class Request : public Run {
 protected:
  void configure(const std::string& text) { std::ofstream(config_) << text; }

  ObserverProcess observe_with(const std::string& text, Argv more = {}) {
    configure(text);
    more.insert(more.end(), {"--config", config_});
    return observe(std::move(more));
  }

  // A beat is heard: it goes on.
  void expect_to_go_on(ObserverProcess& observer, std::uint64_t nonce = 1) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
    EXPECT_EQ(observer.expect("beat")["nonce"], nonce);
  }

  const std::string config_ = directory_.path("hb.conf");
};

// It once ended the observer, by systemctl reload.
TEST_F(Request, SighupWithNothingToReadIsLogged) {
  ObserverProcess observer = observe();
  observer.process().signal(SIGHUP);
  observer.expect_logged("info: SIGHUP: there is nothing to read or open again");
  expect_to_go_on(observer);
  observer.stop();
}

TEST_F(Request, SighupThatCameBeforeItWasReadyDoesNotEndIt) {
  Process observer(arguments({"--events", "json"}), {}, [] {
    sigset_t hangup;
    ::sigemptyset(&hangup);
    ::sigaddset(&hangup, SIGHUP);
    ::sigprocmask(SIG_BLOCK, &hangup, nullptr);
    ::raise(SIGHUP);
  });
  ASSERT_TRUE(observer.next_line());
  const auto said = observer.next_error();
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("there is nothing to read"), std::string::npos) << *said;
  observer.signal(SIGTERM);
  EXPECT_EQ(observer.wait(), 0);
}

TEST_F(Request, SighupTakesTheLogLevel) {
  ObserverProcess observer = observe_with("log-level=warn\n");
  configure("log-level=info\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("info: --config: SIGHUP: read " + config_ +
                         " again: --log-level has changed");
  configure("log-level=error # quiet\n");
  observer.process().signal(SIGHUP);
  observer.process().signal(SIGUSR1);
  observer.expect_logged("counters: ");  // SIGHUP, which came first, has been taken
  observer.stop();
  EXPECT_EQ(observer.process().errors().find("ending"), std::string::npos);
}

TEST_F(Request, SighupNamesWhatNeedsARestart) {
  ObserverProcess observer = observe_with("threshold-ms=60000\nlog-level=warn\n");
  configure("threshold-ms=50000\nqueue-length=7\nlog-level=info\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("read " + config_ + " again: --log-level has changed");
  const auto said = observer.expect_logged("restart the observer for it");
  EXPECT_NE(said.find(": --threshold-ms, --queue-length:"), std::string::npos) << said;
  configure("threshold-ms=60000\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("read " + config_ + " again: everything is as it was");
  expect_to_go_on(observer);
  observer.stop();
}

TEST_F(Request, SighupLetsTheCommandLineWin) {
  ObserverProcess observer = observe_with("log-level=warn\n", {"--log-level", "info"});
  configure("log-level=error\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("read " + config_ + " again: everything is as it was");
  observer.stop();
}

TEST_F(Request, SighupChangesNothingIfTheFileIsWrongOrGone) {
  ObserverProcess observer = observe_with("log-level=info\n");
  configure("log-level=off\nthreshold-ms=soon\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("error: SIGHUP: " + config_ + ":2: ");
  configure("log-level=off\nevents=json\nudp-port=4711\n");  // together they are wrong
  observer.process().signal(SIGHUP);
  observer.expect_logged("error: SIGHUP: ");
  std::filesystem::remove(config_);
  observer.process().signal(SIGHUP);
  observer.expect_logged("; nothing is changed");
  expect_to_go_on(observer);
  observer.stop();
}

TEST_F(Request, SighupBothReadsAndOpensAgain) {
  const std::string file = directory_.path("events.tsv");
  ObserverProcess observer = observe_with("export-file=" + file + "\n");
  std::filesystem::rename(file, file + ".1");
  observer.process().signal(SIGHUP);
  observer.expect_logged("--config: SIGHUP: read");
  observer.expect_logged("--export-file: SIGHUP: opened");
  EXPECT_TRUE(std::filesystem::exists(file));
  observer.stop();
}

TEST_F(Request, Sigusr1TellsTheCounters) {
  ObserverProcess observer = observe({"--log-level", "error"});
  observer.process().signal(SIGUSR1);
  observer.expect_logged("info: counters: ");
  expect_to_go_on(observer);
  ASSERT_TRUE(send_claim(socket_, 77));
  observer.expect("auth_failure");
  observer.process().signal(SIGUSR1);
  const auto said = observer.expect_logged("counters: ") + " ";
  EXPECT_NE(said.find(" beats_total=1 "), std::string::npos) << said;
  EXPECT_NE(said.find(" auth_failures_total.pid_mismatch=1 "), std::string::npos) << said;
  EXPECT_EQ(said.find("=0 "), std::string::npos) << said;
  observer.stop();
}

TEST_F(Request, Sigusr1TellsThemInJsonToo) {
  ObserverProcess observer = observe({"--log-format", "json"});
  expect_to_go_on(observer);
  observer.process().signal(SIGUSR1);
  const Json line = Json::parse(observer.expect_logged("counters: "), nullptr, false);
  ASSERT_FALSE(line.is_discarded());
  EXPECT_EQ(line["level"], "info");
  EXPECT_NE(line["message"].get<std::string>().find(" beats_total=1"), std::string::npos) << line;
  observer.stop();
}

TEST_F(Request, Sigusr1IsSilentWithoutALog) {
  ObserverProcess observer = observe({"--log-level", "off"});
  observer.process().signal(SIGUSR1);
  expect_to_go_on(observer);
  expect_to_go_on(observer, 2);
  observer.stop();
  EXPECT_EQ(observer.process().errors(), "");
}

}  // namespace
}  // namespace hb::test
