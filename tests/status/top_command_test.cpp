// `hb-ebpf top` in a terminal, with a status socket of the test's own.
#include <gtest/gtest.h>

#include <memory>

#include "status/top_view.hpp"
#include "tests/status/documents.hpp"
#include "tests/status/fake_status_socket.hpp"
#include "tests/status/terminal.hpp"
#include "tests/status/view_text.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

class Top : public ::testing::Test {
 protected:
  void SetUp() override { HB_NEEDS(Terminal::is_there(), "tmux"); }

  // The command, for a shell.
  [[nodiscard]] std::string command() const {
    return hb_ebpf({}).front() + " top --interval-ms 100 --status-socket " + path_;
  }

  std::vector<std::string> expected(const Json& document, status::Size size) {
    status::TopView view(size);
    view.take(document_of(document));
    return text_of(view);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("status.sock");
  const Json busy_ = busy_document_json();
};

TEST_F(Top, FillsA80By24Screen) {
  const FakeStatusSocket socket(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect_screen(expected(busy_, {24, 80}));
}

TEST_F(Top, FollowsTheSizeOfTheTerminal) {
  const FakeStatusSocket socket(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("1001 silent");
  for (const status::Size size : {status::Size{30, 120}, {12, 60}, {24, 80}}) {
    terminal.resize(size.columns, size.rows);
    terminal.expect_screen(expected(busy_, size));
  }
}

TEST_F(Top, ObeysKeys) {
  const FakeStatusSocket socket(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("1-3/3 by age");
  terminal.type("p");
  terminal.expect("1-3/3 by pid");
  EXPECT_TRUE(eventually([&] { return terminal.screen().at(7).rfind("     77 ok", 0) == 0; }));
  terminal.type("/");
  terminal.type("data");
  terminal.expect("/data_");
  terminal.type("Enter");
  terminal.expect("filter: data");
  terminal.expect("1-1/1 by pid");
  terminal.type("Escape");
  terminal.expect("1-3/3 by pid");
  terminal.type("q");
  terminal.expect("ended with 0");
}

TEST_F(Top, Scrolls) {
  Json json = document_json();
  for (std::uint64_t i = 0; i < 1024; ++i) add_agent(json, agent_json(1000 + i));
  const FakeStatusSocket socket(path_, json.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("1-19/1024");
  terminal.type("Down");
  terminal.expect("2-20/1024");
  terminal.type("NPage");
  terminal.expect("21-39/1024");
  terminal.type("End");
  terminal.expect("1006-1024/1024");
  terminal.type("Home");
  terminal.expect("1-19/1024");
}

TEST_F(Top, ShowsWhatChangesButNotInAPause) {
  FakeStatusSocket socket(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("web.service");
  terminal.type("Space");
  terminal.expect("paused");
  Json changed = busy_;
  changed["services"][0]["name"] = "changed.service";
  socket.answer(changed.dump());
  terminal.type("p");
  terminal.expect("by pid");
  EXPECT_FALSE(terminal.shows("changed.service"));
  terminal.type("Space");
  terminal.expect("changed.service");
  EXPECT_TRUE(eventually([&] { return !terminal.shows("paused"); }));
}

TEST_F(Top, ShowsThatTheObserverIsAwayAndFindsItAgain) {
  auto socket = std::make_unique<FakeStatusSocket>(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("healthy  ready");
  socket.reset();
  terminal.expect("cannot read an observer's status");
  terminal.expect("1001 silent");
  socket = std::make_unique<FakeStatusSocket>(path_, busy_.dump());
  terminal.expect("healthy  ready");
  socket->answer("garbage");
  terminal.expect("is not JSON");
}

TEST_F(Top, BeginsBeforeTheObserver) {
  Terminal terminal(80, 24, command());
  terminal.expect("cannot read an observer's status");
  const FakeStatusSocket socket(path_, busy_.dump());
  terminal.expect("healthy  ready");
}

TEST_F(Top, ObeysKeysWhileTheObserverHangs) {
  FakeStatusSocket socket(path_, busy_.dump());
  Terminal terminal(80, 24, command());
  terminal.expect("healthy  ready");
  socket.hang();
  const int before = socket.connections();
  EXPECT_TRUE(eventually([&] { return socket.connections() > before; }));
  terminal.type("p");
  terminal.expect("by pid");
  terminal.type("q");
  terminal.expect("ended with 0");
}

TEST_F(Top, LetsNoAgentWriteToTheTerminal) {
  Json json = document_json();
  Json agent = agent_json(7);
  agent["comm"] = "\x1b[2J\x1b[Hevil";
  add_agent(json, agent);
  const FakeStatusSocket socket(path_, json.dump());
  Terminal terminal(80, 24, command());
  terminal.expect_screen(expected(json, {24, 80}));
  EXPECT_TRUE(terminal.shows("?[2J?[Hevil"));
}

TEST_F(Top, PutsTheTerminalBackWhateverEndsIt) {
  const FakeStatusSocket socket(path_, busy_.dump());
  for (const char* signal : {"TERM", "INT", "HUP"}) {
    const std::string pid_file = directory_.path(signal);
    Terminal terminal(80, 24,
                      "stty -a >" + directory_.path("before") + "; sh -c 'echo $$ >" + pid_file +
                          "; exec " + command() + "'; echo ended; stty -a | diff - " +
                          directory_.path("before") + " && echo as before");
    terminal.expect("1001 silent");
    EXPECT_EQ(terminal.alternate(), "1\n");
    EXPECT_EQ(
        Process({"sh", "-c", std::string("kill -") + signal + " $(cat " + pid_file + ")"}).wait(),
        0);
    terminal.expect("as before");
    EXPECT_EQ(terminal.alternate(), "0\n");
    EXPECT_FALSE(terminal.shows("1001"));
  }
}

TEST_F(Top, SaysThatItDoesNotKnowTheTerminal) {
  Terminal unknown(80, 24, "TERM=no-such-terminal " + command());
  unknown.expect("does not know the terminal TERM=no-such-terminal");
  unknown.expect("ended with 2");
  Terminal none(80, 24, "unset TERM; " + command());
  none.expect("TERM is not set");
  none.expect("ended with 2");
}

}  // namespace
}  // namespace hb::test
