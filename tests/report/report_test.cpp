// The event stream, byte by byte; needs no privilege.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "base/fd.hpp"
#include "report/json_sink.hpp"
#include "report/text_sink.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/pipe.hpp"

namespace hb::test {
namespace {

const Beat kBeat{.pid = 1234,
                 .status = vlp::Status::Ok,
                 .payload = 0,
                 .nonce = 1,
                 .origin = BeatOrigin::KernelAttested,
                 .pid_ns_inode = 4026531836,
                 .observer_ns = 1,
                 .claimed_pid = 1234,
                 .first_or_changed = true,
                 .generation_ns = 50,
                 .sent_ns = 0};

const RunStamp kStamp{"r", [] { return std::uint64_t{5}; }};

// What every line ends with, left out.
std::string without_ends(const std::string& lines) {
  static const std::regex kEnd(R"(,"unix_ns":5,"run":"r","seq":[0-9]+\})");
  return std::regex_replace(lines, kEnd, "}");
}

constexpr HostAddress kElsewhere{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}};

std::string json(const Event& event) {
  Pipe pipe;
  LineWriter out(pipe.in());
  JsonSink(out, kStamp).write(event);
  return without_ends(pipe.text());
}

std::string text(const Event& event, bool colour = false) {
  Pipe pipe;
  LineWriter out(pipe.in());
  TextSink(out, colour).write(event);
  return pipe.text();
}

class OneService : public ServiceLookup {
 public:
  explicit OneService(const ServiceFacts* facts) : facts_(facts) {}
  [[nodiscard]] const ServiceFacts* service_of(const Stall&) const override { return facts_; }

 private:
  const ServiceFacts* facts_;
};

template <typename Sink, typename... Args>
std::string written_with(const ServiceFacts* facts, const Event& event, Args... args) {
  Pipe pipe;
  LineWriter out(pipe.in());
  const OneService services(facts);
  Sink sink(out, args...);
  sink.look_up_services_in(services);
  sink.write(event);
  return without_ends(pipe.text());
}

TEST(JsonLines, NamesTheHostOfAnAgentOfAnother) {
  Beat beat = kBeat;
  EXPECT_EQ(json(beat).find("host"), std::string::npos);
  beat.host = kElsewhere;
  EXPECT_NE(json(beat).find(R"("observer_ns":1,"host":"192.0.2.7","protocol":"vlp"})"),
            std::string::npos);
  Stall stall{};
  stall.host = kElsewhere;
  EXPECT_NE(json(stall).find(R"("host":"192.0.2.7")"), std::string::npos);
  OriginConflict conflict{};
  conflict.host = kElsewhere;
  EXPECT_NE(json(conflict).find(R"("host":"192.0.2.7")"), std::string::npos);
}

TEST(TextLines, NamesTheHostOfAnAgentOfAnother) {
  Beat beat = kBeat;
  EXPECT_EQ(text(beat).find("  at "), std::string::npos);
  beat.host = kElsewhere;
  EXPECT_NE(text(beat).find("  at 192.0.2.7"), std::string::npos);
}

TEST(JsonLines, ABeat) {
  EXPECT_EQ(json(kBeat), R"({"event":"beat","pid":1234,"status":"ok","payload":0,"nonce":1,)"
                         R"("origin":"kernel_attested","pid_ns_inode":4026531836,"observer_ns":1,)"
                         R"("protocol":"vlp"})"
                         "\n");
}

TEST(JsonLines, EndWithTimeRunAndNumber) {
  Pipe pipe;
  LineWriter out(pipe.in());
  JsonSink sink(out, kStamp);
  sink.write(Decode{vlp::DecodeError::BadCrc, 1});
  EXPECT_EQ(pipe.text(), R"({"event":"decode","error":"BadCrc","observer_ns":1,"unix_ns":5,)"
                         R"("run":"r","seq":1})"
                         "\n");
  sink.loss({"ring_full", 7, 1, 9, 2});
  EXPECT_NE(pipe.text().find(R"("run":"r","seq":2})"), std::string::npos);
}

TEST(JsonLines, ARunHasAnIdAndTheTimeOfDay) {
  const RunStamp one = new_run();
  EXPECT_NE(one.run, new_run().run);
  EXPECT_EQ(one.run.size(), 16U);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_GE(one.unix_ns(), static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()));
}

TEST(JsonLines, ABeatUnderAnotherPidSaysWhatWasClaimed) {
  Beat beat = kBeat;
  beat.claimed_pid = 2;
  EXPECT_NE(json(beat).find(R"("observer_ns":1,"claimed_pid":2,"protocol":"vlp"})"),
            std::string::npos);
}

TEST(JsonLines, WhatIsNotKnownIsNull) {
  Beat beat = kBeat;
  beat.pid_ns_inode.reset();
  EXPECT_NE(json(beat).find(R"("pid_ns_inode":null,)"), std::string::npos);
}

TEST(JsonLines, AStall) {
  EXPECT_EQ(json(Stall{1234,
                       9,
                       1,
                       BeatOrigin::KernelAttested,
                       4026531836,
                       2,
                       StallCause::Silence,
                       1234,
                       0,
                       7,
                       {}}),
            R"({"event":"stall","pid":1234,"last_nonce":9,"last_ns":1,"origin":"kernel_attested",)"
            R"("pid_ns_inode":4026531836,"observer_ns":2,"cause":"silence","protocol":"vlp"})"
            "\n");
  EXPECT_EQ(json(Stall{1234,
                       9,
                       1,
                       BeatOrigin::KernelAttested,
                       4026532177,
                       2,
                       StallCause::Exited,
                       7,
                       50,
                       0,
                       {.code = {}, .signal = 9}}),
            R"({"event":"stall","pid":1234,"last_nonce":9,"last_ns":1,"origin":"kernel_attested",)"
            R"("pid_ns_inode":4026532177,"observer_ns":2,"cause":"exited","claimed_pid":7,)"
            R"("generation_ns":50,"exit_signal":9,"protocol":"vlp"})"
            "\n");
}

Stall stall_of(std::uint64_t last_nonce) {
  return Stall{1234, last_nonce, 1, BeatOrigin::KernelAttested, {}, 2, {}, 1234, 50, 7, {}, 33};
}

TEST(JsonLines, AStallThatMayHaveBeenToldBeforeSaysSo) {
  Stall stall = stall_of(9);
  EXPECT_EQ(json(stall).find("may_be_repeated"), std::string::npos);
  stall.may_be_repeated = true;
  EXPECT_NE(json(stall).find(R"(,"may_be_repeated":true)"), std::string::npos);
}

TEST(JsonLines, AStallAfterALastWordSaysSo) {
  const std::string line = json(stall_of(vlp::kTerminalNonce));
  EXPECT_NE(line.find(R"("last_word":true,"protocol":"vlp","uid":33})"), std::string::npos) << line;
  EXPECT_EQ(json(stall_of(9)).find("last_word"), std::string::npos);
}

// A process may call itself anything (PR_SET_NAME).
TEST(JsonLines, AStallHasTheNameOfItsProcess) {
  Stall stall = stall_of(9);
  stall.comm = Comm("a\"\n\xff");
  const std::string line = json(stall);
  EXPECT_NE(line.find(R"("uid":33,"comm":"a\"\n)"), std::string::npos) << line;
  EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

// Users name their units as they like.
TEST(JsonLines, ANotice) {
  Notice notice{.pid = 1234, .pid_ns_inode = 7, .observer_ns = 2, .ready = true};
  EXPECT_EQ(json(notice), R"({"event":"notice","pid":1234,"pid_ns_inode":7,"observer_ns":2,)"
                          R"("protocol":"notify","ready":true,"threshold_ns":null})"
                          "\n");
  notice = {.pid = 1234, .pid_ns_inode = {}, .observer_ns = 2, .stopping = true};
  notice.is_watched = true;
  notice.threshold_ns = 5;
  notice.error_number = 2;
  notice.status = "a \"quoted\" \x1b[31m \xff line";
  notice.uid = 33;
  const std::string line = json(notice);
  EXPECT_NE(
      line.find(R"("stopping":true,"threshold_ns":5,"error_number":2,"status_text":"a \"quoted\" )"
                R"(\u001b[31m )"),
      std::string::npos)
      << line;
  EXPECT_TRUE(nlohmann::json::accept(line));
}

TEST(JsonLines, AStallNamesItsService) {
  const ServiceFacts facts{"a\"\n.service", "a.service", {}, "/system.slice/a.service"};
  const std::string line = written_with<JsonSink>(&facts, stall_of(9), kStamp);
  EXPECT_NE(line.find(R"("uid":33,"service":"a\"\n.service","unit":"a.service",)"
                      R"("cgroup":"/system.slice/a.service"})"),
            std::string::npos)
      << line;
}

TEST(JsonLines, AStallNamesItsContainerAndPod) {
  ServiceFacts facts{"x.scope", {}, {}, "/kubepods.slice/x.scope"};
  facts.container_id = std::string(64, 'a');
  facts.pod_uid = "6c7b-1";
  const std::string line = written_with<JsonSink>(&facts, stall_of(9), kStamp);
  EXPECT_NE(line.find(R"("cgroup":"/kubepods.slice/x.scope","container_id":"aaaa)"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find(R"(a","pod_uid":"6c7b-1"})"), std::string::npos) << line;
}

TEST(JsonLines, AServiceThatIsNotKnownIsNull) {
  const std::string line = written_with<JsonSink>(nullptr, stall_of(9), kStamp);
  EXPECT_NE(line.find(R"("service":null,"unit":null,"cgroup":null})"), std::string::npos) << line;
}

TEST(JsonLines, AUsersUnitIsToldApart) {
  const ServiceFacts facts{"a.service of user 33", {}, "a.service", "/user.slice/x"};
  const std::string line = written_with<JsonSink>(&facts, stall_of(9), kStamp);
  EXPECT_NE(line.find(R"("unit":null,"user_unit":"a.service",)"), std::string::npos) << line;
}

TEST(TextLines, AStallNamesItsServiceWithoutControlCharacters) {
  const ServiceFacts facts{"a\x1b[31m.service", {}, {}, {}};
  const std::string line = written_with<TextSink>(&facts, stall_of(9), false);
  EXPECT_NE(line.find("  of a?[31m.service\n"), std::string::npos) << line;
  EXPECT_EQ(written_with<TextSink>(nullptr, stall_of(9), false), text(stall_of(9)));
}

TEST(JsonLines, ADecode) {
  EXPECT_EQ(json(Decode{vlp::DecodeError::BadPid, 1, 77}),
            R"({"event":"decode","error":"BadPid","observer_ns":1,"attested_pid":77})"
            "\n");
  EXPECT_EQ(json(Decode{vlp::DecodeError::BadCrc, 1}),
            "{\"event\":\"decode\",\"error\":\"BadCrc\",\"observer_ns\":1}\n");
}

TEST(JsonLines, AnAuthFailure) {
  EXPECT_EQ(json(AuthFailure{1234, 1, AuthFailureCause::PidMismatch, 77}),
            R"({"event":"auth_failure","claimed_pid":1234,"observer_ns":1,"cause":"pid_mismatch",)"
            R"("attested_pid":77})"
            "\n");
  EXPECT_NE(json(AuthFailure{1234, 1, AuthFailureCause::NoStamp, std::nullopt})
                .find(R"("cause":"no_stamp","attested_pid":null})"),
            std::string::npos);
}

TEST(JsonLines, Conflicts) {
  EXPECT_EQ(
      json(OriginConflict{1234, BeatOrigin::NetworkUnverified, BeatOrigin::KernelAttested, 1}),
      R"({"event":"origin_conflict","claimed_pid":1234,"observed_origin":"network_unverified",)"
      R"("slot_origin":"kernel_attested","observer_ns":1})"
      "\n");
  EXPECT_EQ(json(NamespaceConflict{1234, 4026532177, 4026531836, 1, 88}),
            R"({"event":"namespace_conflict","claimed_pid":1234,"observed_ns_inode":4026532177,)"
            R"("observer_ns_inode":4026531836,"observer_ns":1,"attested_pid":88})"
            "\n");
}

TEST(JsonLines, Failures) {
  EXPECT_EQ(json(Io{{"Cannot allocate memory", 12}, 1}),
            R"({"event":"io","errno":12,"message":"Cannot allocate memory","observer_ns":1})"
            "\n");
  EXPECT_EQ(json(CtrlTruncated{{"Message too long", 90}, 1}),
            R"({"event":"ctrl_truncated","errno":90,"message":"Message too long","observer_ns":1,)"
            R"("datagrams":1})"
            "\n");
}

TEST(JsonLines, ALoss) {
  Pipe pipe;
  LineWriter out(pipe.in());
  JsonSink sink(out, kStamp);
  sink.loss({"ring_full", 7, 1, 9, 2});
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"loss","reason":"ring_full","count":7,"since_ns":1,)"
            R"("total":9,"observer_ns":2})"
            "\n");
  sink.loss({"unheard", 1, 1, 1, 2, 1234});
  EXPECT_NE(without_ends(pipe.text()).find(R"("observer_ns":2,"pid":1234})"), std::string::npos);
}

TEST(JsonLines, TheReachOfTheObserver) {
  Pipe pipe;
  LineWriter out(pipe.in());
  JsonSink sink(out, kStamp);
  sink.reach({.message = "it is \"gone\"", .since_ns = 1, .observer_ns = 2});
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"reach","reachable":false,"since_ns":1,"observer_ns":2,)"
            R"("message":"it is \"gone\""})"
            "\n");
  sink.reach({.reachable = true, .rebound = true, .since_ns = 1, .observer_ns = 3});
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"reach","reachable":true,"since_ns":1,"observer_ns":3,)"
            R"("rebound":true})"
            "\n");
}

// The gap is told while the next line is already on its way.
TEST(JsonLines, AGapIsToldBeforeTheLineAfterIt) {
  Pipe pipe;
  pipe.fill();
  LineWriter out(pipe.in());
  JsonSink sink(out, kStamp);
  out.never_wait(192);
  out.tell_gaps_with([&](const LineWriter::Gap& gap) {
    sink.loss({"stdout", gap.lines, 1, gap.lines, 2});
  });
  for (int i = 0; i < 3; ++i) sink.write(Decode{vlp::DecodeError::BadCrc, 1});
  EXPECT_EQ(out.lost(), 1U);
  pipe.text(1U << 20);
  ASSERT_TRUE(out.flush());
  pipe.text();
  sink.write(Decode{vlp::DecodeError::BadMagic, 1});
  EXPECT_EQ(pipe.text(), R"({"event":"loss","reason":"stdout","count":1,"since_ns":1,)"
                         R"("total":1,"observer_ns":2,"unix_ns":5,"run":"r","seq":3})"
                         "\n"
                         R"({"event":"decode","error":"BadMagic","observer_ns":1,"unix_ns":5,)"
                         R"("run":"r","seq":4})"
                         "\n");
}

TEST(JsonLines, StayJsonWhateverAMessageHolds) {
  const std::string nasty("quote \" backslash \\ newline \n zero \0 not UTF-8 \xff\xfe", 50);
  const auto parsed = nlohmann::json::parse(json(Io{{nasty, 0}, 1}), nullptr, false);
  ASSERT_FALSE(parsed.is_discarded());
  EXPECT_TRUE(parsed["errno"].is_null());
  EXPECT_EQ(parsed["message"].get<std::string>().substr(0, 9), "quote \" b");
}

TEST(JsonLines, FirstAndLast) {
  Pipe pipe;
  LineWriter out(pipe.in());
  JsonSink sink(out, kStamp);
  sink.ready({"/run/hb/\"quoted\".sock", 7, 4026531836});
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"ready","socket":"/run/hb/\"quoted\".sock","pid":7,)"
            R"("pid_ns_inode":4026531836})"
            "\n");
  const auto& causes = kLabelValues<AuthFailureCause>;
  sink.stopped({{&Counters::kBeats, nullptr, 3},
                {&Counters::kAuthFailures, &causes[0], 2},
                {&Counters::kAuthFailures, &causes[1], 0},
                {&Counters::kFramesDropped, &kLabelValues<FrameDrop>[0], 1}});
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"stopped","counters":{"beats_total":3,"auth_failures_total":)"
            R"({"pid_mismatch":2,"no_stamp":0},"frames_dropped_total":{"wrong_length":1}}})"
            "\n");
}

TEST(JsonLines, AnObserverThatGoesOnSaysSo) {
  Pipe pipe;
  LineWriter out(pipe.in());
  Ready ready{.socket = "/hb.sock", .pid = 7, .resumed = Resumed{1500, 3, 1}};
  JsonSink(out, kStamp).ready(ready);
  EXPECT_EQ(without_ends(pipe.text()),
            R"({"event":"ready","socket":"/hb.sock","pid":7,"pid_ns_inode":null,"resumed":true,)"
            R"("away_ns":1500,"agents_resumed":3,"agents_dropped":1})"
            "\n");
  ready.resumed->away_ns = 1'002'000'000;
  TextSink(out, false).ready(ready);
  EXPECT_NE(pipe.text().find("ready: agents send to /hb.sock, going on after 1.002 s with 3 agents "
                             "(1 dropped)  (observer pid 7)"),
            std::string::npos);
}

TEST(JsonLines, TotalsNameEveryCounter) {
  Counters counters;
  counters.beats = 3;
  counters.auth_failures[AuthFailureCause::NoStamp] = 5;
  Pipe pipe;
  LineWriter out(pipe.in());
  Totals totals;
  append_totals(totals, counters);
  JsonSink(out, kStamp).stopped(totals);
  const auto parsed = nlohmann::json::parse(pipe.text())["counters"];
  EXPECT_EQ(parsed["beats_total"], 3);
  EXPECT_EQ(parsed["auth_failures_total"]["no_stamp"], 5);
  EXPECT_EQ(parsed["decode_errors_total"].size(), vlp::kDecodeErrors);
}

TEST(JsonLines, ABeatCostsNoAllocation) {
  const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  LineWriter out(nowhere.get());
  JsonSink json_sink(out, kStamp);
  TextSink text_sink(out, true);
  const Event event = kBeat;
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) json_sink.write(event);
  for (int i = 0; i < 100; ++i) text_sink.write(event);
  Beat of_another_host = kBeat;
  of_another_host.host.bytes.fill(0xff);  // as long as an address can be
  json_sink.write(of_another_host);
  text_sink.write(of_another_host);
  EXPECT_EQ(allocations(), before);
}

TEST(TextLines, AreAligned) {
  EXPECT_EQ(text(kBeat),
            "     0.000000  beat                pid 1234     ok        nonce 1      payload 0  "
            "kernel_attested\n");
  Beat foreign = kBeat;
  foreign.claimed_pid = 2;
  EXPECT_NE(text(foreign).find("claimed 2"), std::string::npos);
  EXPECT_NE(text(AuthFailure{12, 1'500'000'000, AuthFailureCause::PidMismatch, 77})
                .find("1.500000  AUTH FAILURE"),
            std::string::npos);
}

TEST(TextLines, ALoss) {
  Pipe pipe;
  LineWriter out(pipe.in());
  TextSink(out, false).loss({"ring_full", 7, 1'500'000'000, 9, 2'000'000'000});
  EXPECT_EQ(pipe.text(),
            "     2.000000  LOSS                ring_full 7 since 1.500000, 9 in all\n");
}

TEST(TextLines, TheReachOfTheObserver) {
  Pipe pipe;
  LineWriter out(pipe.in());
  TextSink sink(out, false);
  sink.reach({.message = "gone", .since_ns = 1'500'000'000, .observer_ns = 2'000'000'000});
  EXPECT_EQ(pipe.text(), "     2.000000  UNREACHABLE         gone  since 1.500000\n");
  sink.reach({.reachable = true, .since_ns = 1'500'000'000, .observer_ns = 2'000'000'000});
  EXPECT_EQ(pipe.text(), "     2.000000  reachable           again  since 1.500000\n");
}

TEST(TextLines, AreColouredOnlyWhenToldSo) {
  EXPECT_EQ(text(kBeat).find('\x1b'), std::string::npos);
  EXPECT_NE(text(kBeat, true).find('\x1b'), std::string::npos);
  EXPECT_FALSE(wants_colour(Pipe().in()));
}

TEST(TextLines, EscapeControlCharacters) {
  EXPECT_EQ(text(Io{{"\x1b[2J\r", 0}, 1}).find_first_of("\x1b\r"), std::string::npos);
}

TEST(BeatsShown, HideBeatsOnly) {
  Beat same = kBeat;
  same.first_or_changed = false;
  EXPECT_TRUE(is_shown(same, BeatsShown::All));
  EXPECT_FALSE(is_shown(same, BeatsShown::Changes));
  EXPECT_TRUE(is_shown(kBeat, BeatsShown::Changes));
  EXPECT_FALSE(is_shown(kBeat, BeatsShown::None));
  EXPECT_TRUE(is_shown(Decode{vlp::DecodeError::BadCrc, 1}, BeatsShown::None));
}

class Writer : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
};

TEST_F(Writer, NoticesThatNobodyReadsAnyMore) {
  Pipe pipe;
  LineWriter out(pipe.in());
  out.write("one\n");
  EXPECT_FALSE(out.closed());
  pipe.close_reader();
  out.write("two\n");
  out.write("three\n");
  EXPECT_TRUE(out.closed());
  EXPECT_EQ(out.lost(), 2U);
}

TEST_F(Writer, SaysAFullDiskOnceAndCountsOn) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  LineWriter out(full.get());
  out.write("one\n");
  const auto problem = out.take_problem();
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->code, ENOSPC);
  out.write("two\n");
  EXPECT_FALSE(out.take_problem());
  EXPECT_EQ(out.lost(), 2U);
  EXPECT_FALSE(out.closed());
}

TEST_F(Writer, WaitsForASlowReader) {
  Pipe pipe;
  pipe.fill();
  LineWriter out(pipe.in());
  std::thread reader([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    pipe.text();
  });
  out.write("late\n");
  reader.join();
  EXPECT_EQ(out.lost(), 0U);
  EXPECT_EQ(pipe.text(), "late\n");
}

TEST_F(Writer, DoesNotWaitOnceItIsToEnd) {
  Pipe pipe;
  pipe.fill();
  Pipe stop;
  LineWriter out(pipe.in(), stop.in());
  out.end();
  out.write("never\n");
  EXPECT_TRUE(out.closed());
  EXPECT_EQ(out.lost(), 1U);
}

}  // namespace
}  // namespace hb::test
