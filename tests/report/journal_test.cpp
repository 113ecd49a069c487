// Events as entries of systemd's journal: one datagram each, with fields that nobody can forge.
#include "report/journal.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "report/text_sink.hpp"

namespace hb::test {
namespace {

constexpr std::size_t kBuffer_bytes = 4096;

Beat beat_of(std::uint32_t pid) {
  Beat beat{};
  beat.pid = beat.claimed_pid = pid;
  beat.nonce = 1;
  return beat;
}

Stall stall_of(std::uint32_t pid) {
  Stall stall{};
  stall.pid = stall.claimed_pid = pid;
  return stall;
}

class OneService : public ServiceLookup {
 public:
  explicit OneService(std::string name) { facts_.name = std::move(name); }
  [[nodiscard]] const ServiceFacts* service_of(const Stall&) const override { return &facts_; }

 private:
  ServiceFacts facts_;
};

class Journal : public ::testing::Test {
 protected:
  // The journal's side of the socket, and ours.
  struct Ends {
    Fd journal;
    Fd ours;
  };

  static Ends connected() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    return {Fd(ends[0]), Fd(ends[1])};
  }

  // The next entry.
  std::optional<std::string> entry() {
    std::array<char, 8192> text{};
    const ssize_t bytes = ::recv(ends_.journal.get(), text.data(), text.size(), 0);
    return bytes < 0 ? std::nullopt
                     : std::optional(std::string(text.data(), static_cast<std::size_t>(bytes)));
  }

  static bool has_line(const std::string& entry, const std::string& line) {
    return ("\n" + entry).find("\n" + line + "\n") != std::string::npos;
  }

  Ends ends_ = connected();
  LineWriter out_{Outlet::to_journal(std::move(ends_.ours)), LineWriter::kNoStop};
  TextSink sink_{out_, false};
};

TEST_F(Journal, AnEventIsAnEntryWithFields) {
  sink_.write(beat_of(1234));
  const std::string told = entry().value_or("");
  for (const char* line :
       {"SYSLOG_IDENTIFIER=hb-ebpf", "PRIORITY=6", "HB_EVENT=beat", "HB_PID=1234"}) {
    EXPECT_TRUE(has_line(told, line)) << line << " in\n" << told;
  }
  EXPECT_NE(told.find("\nMESSAGE=     0.000000  beat"), std::string::npos) << told;
  EXPECT_EQ(told.back(), '\n');
  EXPECT_FALSE(entry());
}

TEST_F(Journal, AStallHasItsServiceAndIsAWarning) {
  const OneService service("a.service");
  sink_.look_up_services_in(service);
  sink_.write(stall_of(7));
  const std::string told = entry().value_or("");
  for (const char* line : {"PRIORITY=4", "HB_EVENT=stall", "HB_PID=7", "HB_SERVICE=a.service"}) {
    EXPECT_TRUE(has_line(told, line)) << line << " in\n" << told;
  }
}

// The name of a cgroup may have any byte.
TEST_F(Journal, ANameMakesNoFields) {
  const OneService service("a\nPRIORITY=0\x1fHB_PID=1");
  sink_.look_up_services_in(service);
  sink_.write(stall_of(7));
  const std::string told = entry().value_or("");
  EXPECT_TRUE(has_line(told, "HB_SERVICE=a?PRIORITY=0?HB_PID=1")) << told;
  EXPECT_FALSE(has_line(told, "PRIORITY=0")) << told;
  EXPECT_FALSE(has_line(told, "HB_PID=1")) << told;
}

TEST_F(Journal, EveryKindOfLineIsAnEvent) {
  sink_.ready({"/run/hb.sock", 1});
  sink_.loss({"ring_full", 1, 0, 1, 0});
  sink_.reach({.reachable = false, .message = "gone"});
  sink_.stopped({});
  for (const char* event : {"ready", "loss", "reach", "stopped"}) {
    EXPECT_TRUE(has_line(entry().value_or(""), std::string("HB_EVENT=") + event)) << event;
  }
}

// What does not fit is kept, one entry a datagram, and then lost and counted.
TEST_F(Journal, OneThatDoesNotReadIsNotWaitedFor) {
  out_.never_wait(kBuffer_bytes);
  std::uint32_t told = 0;
  while (out_.lost() == 0) sink_.write(beat_of(++told));
  EXPECT_TRUE(out_.has_waiting());
  std::uint32_t read = 0;
  while (const auto next = entry()) {
    EXPECT_TRUE(has_line(*next, "HB_PID=" + std::to_string(++read))) << *next;
    out_.flush();
  }
  EXPECT_EQ(read + out_.lost(), told);
  EXPECT_FALSE(out_.closed());
}

TEST(JournalStream, IsRecognisedByDeviceAndInode) {
  struct stat seen {};
  ASSERT_EQ(::fstat(STDIN_FILENO, &seen), 0);
  const auto stream = std::to_string(seen.st_dev) + ":" + std::to_string(seen.st_ino);
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(journal::is_at(STDIN_FILENO));
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  EXPECT_TRUE(journal::is_at(STDIN_FILENO));
  ::setenv("JOURNAL_STREAM", (stream + "0").c_str(), 1);
  EXPECT_FALSE(journal::is_at(STDIN_FILENO));
  EXPECT_FALSE(journal::is_at(-1));
  ::unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace hb::test
