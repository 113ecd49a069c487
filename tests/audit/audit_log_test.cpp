// Opening and going on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/audit/audit_fixture.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class Log : public AuditTest {
 protected:
  [[nodiscard]] std::vector<std::string> torn_files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path(""))) {
      if (entry.path().string().find(".torn-") != std::string::npos) {
        found.push_back(entry.path().string());
      }
    }
    return found;
  }

  // `whole`: where the last record of `good` begins.
  void expect_every_cut_mended(const std::string& good, std::size_t whole) const {
    for (std::size_t length = whole; length < good.size(); ++length) {
      write_file(path(), good.substr(0, length));
      expect_mended(length == whole ? 0 : 1, whole == 0 ? 0 : 1);
      const auto torn = torn_files();
      ASSERT_EQ(torn.size(), length == whole ? 0U : 1U) << length;
      if (torn.empty()) continue;
      EXPECT_EQ(read_file(torn.front()), good.substr(whole, length - whole));
      std::filesystem::remove(torn.front());
    }
  }

  void expect_mended(std::size_t notes, std::uint64_t last_seq) const {
    const auto log = open();
    ASSERT_TRUE(log);
    EXPECT_EQ(log->end().seq, last_seq);
    EXPECT_EQ(log->take_notes().size(), notes);
    append(*log);
    expect_good();
  }
};

TEST_F(Log, BeginsAtOneAndGoesOnAfterARestart) {
  write_log(2);
  write_log(2);
  expect_good();
  const auto log = open();
  EXPECT_EQ(log->end().seq, 6U);
  EXPECT_TRUE(log->take_notes().empty());
}

TEST_F(Log, TellsBothTimes) {
  write_log(0);
  const auto line = nlohmann::json::parse(read_file(path()));
  auto shape = line["time"].get<std::string>();
  for (char& c : shape) c = std::isdigit(static_cast<unsigned char>(c)) != 0 ? '9' : c;
  EXPECT_EQ(shape, "9999-99-99T99:99:99.999999999Z");
  EXPECT_GT(line["monotonic_ns"].get<std::uint64_t>(), 0U);
}

TEST_F(Log, IsAccessibleToItsOwnerOnly) {
  write_log(0);
  struct stat seen {};
  ASSERT_EQ(::stat(path().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
}

TEST_F(Log, IsWrittenByOneObserverAtATime) {
  const auto first = open();
  EXPECT_NE(refusal().find("another observer writes"), std::string::npos) << refusal();
  append(*first);
  expect_good();
}

TEST_F(Log, IsFreeAgainWhenItsObserverIsGone) {
  write_log(0);
  EXPECT_EQ(refusal(), "");
}

TEST_F(Log, IsNoSymbolicLink) {
  write_file(directory_.path("target"), "");
  std::filesystem::create_symlink("target", path());
  EXPECT_NE(refusal().find("symbolic link"), std::string::npos) << refusal();
}

TEST_F(Log, IsNoFifo) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_NE(refusal().find("not a regular file"), std::string::npos) << refusal();
}

TEST_F(Log, IsNoDirectory) {
  std::filesystem::create_directory(path());
  EXPECT_NE(refusal(), "");
}

TEST_F(Log, HasOneName) {
  write_log(0);
  std::filesystem::create_hard_link(path(), directory_.path("other"));
  EXPECT_NE(refusal().find("2 names"), std::string::npos) << refusal();
}

TEST_F(Log, IsRefusedWhenOthersMayUseIt) {
  write_log(0);
  for (const unsigned mode : {0640U, 0604U, 0620U, 0602U}) {
    std::filesystem::permissions(path(), std::filesystem::perms{mode});
    EXPECT_NE(refusal().find("chmod 600"), std::string::npos) << refusal();
  }
}

TEST_F(Log, NeedsItsDirectory) {
  const auto opened = AuditLog::open({.path = directory_.path("missing/audit.jsonl")});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("mkdir"), std::string::npos) << opened.error().message;
}

// Two tests, as each cut waits for the disk several times.
TEST_F(Log, TornAnywhereInItsFirstRecordGoesOnAndKeepsWhatWasCutOff) {
  write_log(0);
  expect_every_cut_mended(read_file(path()), 0);
}

TEST_F(Log, TornAnywhereInItsLastRecordGoesOnAndKeepsWhatWasCutOff) {
  write_log(1);
  const std::string good = read_file(path());
  expect_every_cut_mended(good, good.find('\n') + 1);
}

TEST_F(Log, WhoseLastRecordWasChangedIsRefused) {
  write_log(2);
  const std::string good = read_file(path());
  const auto lines = lines_of(good);
  for (std::size_t at = good.size() - lines.back().size(); at + 1 < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write_file(path(), bad);
    if (bad[at] == '\n') continue;  // torn, then
    EXPECT_NE(refusal().find("hb-ebpf audit verify"), std::string::npos) << at;
    EXPECT_EQ(read_file(path()), bad);
  }
}

TEST_F(Log, ThatIsAnotherKindOfFileIsRefusedAndNotChanged) {
  for (const std::string& bytes :
       {std::string("root:x:0:0\n"), std::string("\n"), std::string(300'000, 'x'),
        std::string(300'000, 'x') + "\n", std::string(300'000, '\0')}) {
    write_file(path(), bytes);
    EXPECT_NE(refusal(), "") << bytes.substr(0, 10);
    EXPECT_EQ(read_file(path()), bytes);
  }
}

TEST_F(Log, RefusesARecordThatIsTooLongAndGoesOn) {
  const auto log = open();
  append(*log);
  const auto refused = log->append(spawn({std::string(70'000, 'x')}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("too long"), std::string::npos);
  append(*log);
  expect_good();
  EXPECT_EQ(log->end().seq, 2U);
}

TEST_F(Log, RefusesToContinueAfterBytesOfAnotherProcess) {
  const auto log = open();
  append(*log);
  std::ofstream(path(), std::ios::app) << "hello\n";
  EXPECT_FALSE(log->append(spawn()));
  EXPECT_FALSE(log->append(spawn()));
}

TEST_F(Log, GoesOnOnceBytesOfAnotherProcessAreMovedAway) {
  const auto log = open();
  append(*log);
  std::ofstream(path(), std::ios::app) << "hello\n";
  EXPECT_FALSE(log->append(spawn()));
  std::filesystem::rename(path(), path("-changed"));
  append(*log);
  expect_good();
}

// Appends for as long as it lives, and tells how far it came.
[[noreturn]] void append_forever(const std::string& path, int told) {
  auto log = AuditLog::open({.path = path, .max_bytes = 8192, .keep = 1000});
  if (!log) ::_exit(1);
  for (;;) {
    if (!log.value()->append(spawn())) ::_exit(1);
    const std::uint64_t seq = log.value()->end().seq;
    if (::write(told, &seq, sizeof(seq)) != sizeof(seq)) ::_exit(1);
  }
}

std::uint64_t last_told(int fd) {
  std::uint64_t seq = 0;
  std::uint64_t last = 0;
  while (::read(fd, &seq, sizeof(seq)) == sizeof(seq)) last = seq;
  return last;
}

TEST_F(Log, KilledAtAnyTimeHasEveryRecordThatAppendReturnedFor) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same every time
  std::uint64_t last = 0;
  for (int round = 0; round < 15; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd told(ends[0]);
    Fd teller(ends[1]);
    {
      const Child child = Child::run([&] { append_forever(path(), teller.get()); });
      teller.reset();
      std::uint64_t seq = 0;
      ASSERT_EQ(::read(told.get(), &seq, sizeof(seq)), static_cast<ssize_t>(sizeof(seq)));
      last = seq;
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    }
    last = std::max(last, last_told(told.get()));
    const auto log = open();
    ASSERT_TRUE(log);
    EXPECT_GE(log->end().seq, last);
  }
  std::vector<std::string> files{path()};
  for (int k = 1; std::filesystem::exists(path("." + std::to_string(k))); ++k) {
    files.insert(files.begin(), path("." + std::to_string(k)));
  }
  EXPECT_EQ(flaw_in(files), std::nullopt);
}

}  // namespace
}  // namespace hb::test
