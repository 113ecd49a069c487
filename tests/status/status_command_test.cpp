// `hb-ebpf status` as a process, with a status socket of the test's own.
#include <gtest/gtest.h>

#include <fstream>

#include "status/status_fetch.hpp"
#include "status/status_text.hpp"
#include "tests/status/documents.hpp"
#include "tests/status/fake_status_socket.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

class Status : public ::testing::Test {
 protected:
  Outcome ask(Argv more = {}) {
    more.insert(more.begin(), {"status", "--status-socket", path_});
    return run_to_end(more);
  }

  // With that text from the socket.
  Outcome ask_of(const std::string& text, const Argv& more = {}) {
    const FakeStatusSocket socket(path_, text);
    return ask(more);
  }

  void expect_failure(const Outcome& outcome, const std::string& said) {
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.rfind("hb-ebpf: ", 0), 0U) << outcome.err;
    EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("status.sock");
};

TEST_F(Status, OfAnObserverThatIsWellEndsWith0) {
  const Outcome outcome = ask_of(busy_document_json().dump());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, status::status_text(document_of(busy_document_json())));
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Status, AsJsonIsWhatTheObserverSaidOnOneLine) {
  const Json json = busy_document_json();
  const Outcome outcome = ask_of(json.dump(4), {"--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, json.dump() + "\n");
}

TEST_F(Status, OfAnObserverThatIsNotWellEndsWith1) {
  for (const char* what : {"healthy", "ready"}) {
    Json json = document_json();
    json[what] = false;
    json["reasons"] = {"because of the test"};
    const Outcome outcome = ask_of(json.dump());
    EXPECT_EQ(outcome.code, 1) << what;
    EXPECT_NE(outcome.out.find("\n  because of the test\n"), std::string::npos);
    EXPECT_EQ(ask_of(json.dump(), {"--format", "json"}).code, 1) << what;
    json.erase(what);
    EXPECT_EQ(ask_of(json.dump()).code, 1) << what;
  }
}

TEST_F(Status, WithoutAnObserverSaysWhatToDo) {
  expect_failure(ask(), "No such file or directory. Is `hb-ebpf run` running");
}

TEST_F(Status, OfAnObserverThatIsGoneSaysWhatToDo) {
  std::ofstream(path_) << "no socket";
  expect_failure(ask(), "Connection refused. Is `hb-ebpf run` running");
}

TEST_F(Status, DoesNotWaitForEverForAnObserverThatHangs) {
  FakeStatusSocket socket(path_, "");
  socket.hang();
  expect_failure(ask({"--timeout-ms", "100"}), "does not tell its status within 100 ms");
}

// Half a document, and then nothing.
TEST_F(Status, DoesNotWaitForEverForTheRest) {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(path_).value();
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  Process asking(hb_ebpf({"status", "--status-socket", path_, "--timeout-ms", "500"}));
  const Fd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string half = R"({"version":1,)";
  ::send(connection.get(), half.data(), half.size(), MSG_NOSIGNAL);
  EXPECT_EQ(asking.wait(), 1);
  EXPECT_NE(asking.errors().find("within 500 ms"), std::string::npos);
}

TEST_F(Status, OfWhatIsNoObserverSaysSo) {
  expect_failure(ask_of("220 mail.example.com ESMTP\r\n"), "28 bytes, is not JSON");
  expect_failure(ask_of(""), "nothing came");
  expect_failure(ask_of("{}"), "has no version");
  expect_failure(ask_of(R"({"version":2})"), "upgrade this hb-ebpf");
  expect_failure(ask_of(R"({"version":1,"pid":"x"})", {"--format", "json"}), "'pid'");
}

TEST_F(Status, ReadsNoMoreThanADocumentMayHave) {
  expect_failure(ask_of(std::string(status::StatusFetch::kMaxDocument_bytes + 1, ' ')),
                 "is longer than 16777216 bytes");
}

TEST_F(Status, ReadsADocumentOfManyPieces) {
  Json json = document_json();
  for (std::uint64_t i = 0; i < 1024; ++i) {
    Json agent = agent_json(1000 + i);
    agent["cgroup"] = std::string(1000, 'c');
    json["agents"]["list"].push_back(agent);
  }
  const Outcome outcome = ask_of(json.dump(), {"--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.size(), json.dump().size() + 1);
}

TEST_F(Status, RefusesWhatItCannotUse) {
  EXPECT_EQ(run_to_end({"status", "--format", "xml"}).code, 2);
  EXPECT_EQ(run_to_end({"status", "--timeout-ms", "0"}).code, 2);
  EXPECT_EQ(run_to_end({"status", "--status-socket", "@abstract"}).code, 2);
  EXPECT_EQ(run_to_end({"top", "--interval-ms", "99"}).code, 2);
}

TEST_F(Status, OfTopNeedsATerminal) {
  const Outcome outcome = run_to_end({"top", "--status-socket", path_});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "hb-ebpf: standard input and output are no terminal: use `hb-ebpf status`\n");
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace hb::test
