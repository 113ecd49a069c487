// Messages between the observer and its command process: what is sent is what comes, and nothing
// else is taken for a message.
#include "recovery/command_wire.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <random>

#include "tests/recovery/stalls.hpp"

namespace hb::test {
namespace {

CommandRequest whole_request() {
  CommandRequest request;
  request.id = 7;
  request.deadline_ns = 8;
  request.words = {"/bin/echo", "", "{unit} \xff\n"};
  request.wait_ns = 9;
  request.attempt = 3;
  request.uid_now = 4'000'000'000;
  request.cgroup = "/system.slice/a.service";
  request.stall = stall_of(42, 99, 33);
  request.stall.last_nonce = ~std::uint64_t{0};
  request.stall.cause = StallCause::Exited;
  request.stall.exit = {std::nullopt, 9};
  request.stall.status = vlp::Status::Critical;
  request.stall.payload = 4'000'000'000;
  request.stall.comm = Comm("fifteen letters");
  return request;
}

TEST(CommandWire, ARequestComesAsItWasSent) {
  const CommandRequest sent = whole_request();
  const auto come = decode_request(encode(sent).value());
  ASSERT_TRUE(come);
  EXPECT_EQ(come->kind, CommandRequest::Kind::Start);
  EXPECT_EQ(come->id, 7U);
  EXPECT_EQ(come->deadline_ns, 8U);
  EXPECT_EQ(come->words, sent.words);
  EXPECT_EQ(come->wait_ns, 9U);
  EXPECT_EQ(come->attempt, 3U);
  EXPECT_EQ(come->uid_now, sent.uid_now);
  EXPECT_EQ(come->cgroup, sent.cgroup);
  const Stall& stall = come->stall;
  EXPECT_EQ(stall.pid, 42U);
  EXPECT_EQ(stall.generation_ns, 99U);
  EXPECT_EQ(stall.last_nonce, sent.stall.last_nonce);
  EXPECT_EQ(stall.cause, StallCause::Exited);
  EXPECT_EQ(stall.exit.code, std::nullopt);
  EXPECT_EQ(stall.exit.signal, 9);
  EXPECT_EQ(stall.status, vlp::Status::Critical);
  EXPECT_EQ(stall.payload, 4'000'000'000U);
  EXPECT_EQ(stall.uid, 33U);
  EXPECT_EQ(stall.comm, Comm("fifteen letters"));
}

TEST(CommandWire, AReportComesAsItWasSent) {
  CommandReport sent;
  sent.kind = CommandReport::Kind::Ended;
  sent.id = 7;
  sent.pid = 42;
  sent.code = ENOENT;
  sent.why = EndedCommand::Why::Deadline;
  sent.exit = {3, std::nullopt};
  sent.discarded_bytes = 5;
  sent.text = std::string("a\0b", 3);
  const auto come = decode_report(encode(sent));
  ASSERT_TRUE(come);
  EXPECT_EQ(come->kind, sent.kind);
  EXPECT_EQ(come->id, 7U);
  EXPECT_EQ(come->pid, 42);
  EXPECT_EQ(come->code, ENOENT);
  EXPECT_EQ(come->why, sent.why);
  EXPECT_EQ(come->exit.code, 3);
  EXPECT_EQ(come->exit.signal, std::nullopt);
  EXPECT_EQ(come->discarded_bytes, 5U);
  EXPECT_EQ(come->text, sent.text);
}

TEST(CommandWire, APieceOfAMessageIsNone) {
  const std::string request = encode(whole_request()).value();
  const std::string report = encode(CommandReport());
  for (std::size_t i = 0; i < request.size(); ++i)
    EXPECT_FALSE(decode_request(request.substr(0, i)));
  for (std::size_t i = 0; i < report.size(); ++i) EXPECT_FALSE(decode_report(report.substr(0, i)));
  EXPECT_FALSE(decode_request(request + "x"));
  EXPECT_FALSE(decode_report(report + "x"));
}

// Whatever it decodes is in range; sanitizers see the rest.
TEST(CommandWire, NothingOutOfRangeIsTaken) {
  const std::string whole = encode(whole_request()).value();
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string message = whole;
    for (auto flips = random() % 4 + 1; flips > 0; --flips) {
      message[random() % message.size()] = static_cast<char>(random());
    }
    const auto request = decode_request(message);
    if (!request) continue;
    EXPECT_LE(request->kind, CommandRequest::Kind::KillAll);
    EXPECT_LE(request->stall.cause, StallCause::Exited);
    EXPECT_LE(request->stall.status, vlp::Status::Critical);
    EXPECT_LE(request->stall.pid, static_cast<std::uint32_t>(INT_MAX));
    for (const auto& word : request->words) EXPECT_EQ(word.find('\0'), std::string::npos);
  }
}

// A program would take it for the end of its argument.
TEST(CommandWire, NoTextHoldsANul) {
  CommandRequest request = whole_request();
  request.words.back() = std::string("a\0b", 3);
  EXPECT_FALSE(decode_request(encode(request).value()));
  request = whole_request();
  request.cgroup = std::string("/a\0b", 4);
  EXPECT_FALSE(decode_request(encode(request).value()));
}

TEST(CommandWire, AMessageHasABound) {
  CommandRequest request = whole_request();
  request.words.emplace_back(kLongestCommandMessage_bytes, 'x');
  EXPECT_FALSE(encode(request));
  request = whole_request();
  request.cgroup = "/" + std::string(PATH_MAX, 'x');
  EXPECT_FALSE(decode_request(encode(request).value()));
}

}  // namespace
}  // namespace hb::test
