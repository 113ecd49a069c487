// --export-file of the binary: what is in it, rotated under load, on a disk that is full.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "tests/support/needs.hpp"
#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

using Row = std::vector<std::string>;

Row split(const std::string& line) {
  Row row;
  std::istringstream fields(line);
  for (std::string field; std::getline(fields, field, '\t');) row.push_back(field);
  return row;
}

// Every line has ten columns. The last one may be on its way: a full disk takes half of it first.
std::vector<Row> rows_in(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::vector<Row> rows;
  std::istringstream lines(text.str().substr(0, text.str().rfind('\n') + 1));
  for (std::string line; std::getline(lines, line);) {
    rows.push_back(split(line));
    EXPECT_EQ(rows.back().size(), 10U) << line;
  }
  return rows;
}

bool within_patience(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

// Beats from `first` to `last`, none left out.
void send_all(const std::string& socket, std::uint64_t first, std::uint64_t last) {
  UnixAgent agent(socket);
  for (std::uint64_t nonce = first; nonce <= last;) {
    const auto sent = agent.send(frame_of(own_pid(), nonce));
    if (sent && sent.value() == UnixAgent::Outcome::Queued) {
      ++nonce;
    } else {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class Export : public Run {
 protected:
  // By default no agent stalls during a test.
  ObserverProcess observe_into_file(const std::string& threshold_ms = "60000") {
    return observe({"--export-file", file_, "--beats", "none", "--threshold-ms", threshold_ms});
  }

  void expect_row(std::size_t index, const Row& wanted) {
    ASSERT_TRUE(within_patience([&] { return rows_in(file_).size() > index; }));
    Row row = rows_in(file_)[index];
    row.resize(8);
    row[0] = "*";
    row[7] = "*";
    EXPECT_EQ(row, wanted);
  }

  const std::string file_ = directory_.path("events.tsv");
};

TEST_F(Export, HoldsEveryEventAtOnce) {
  ObserverProcess observer = observe_into_file("3000");
  const std::string pid = std::to_string(own_pid());
  ASSERT_TRUE(send_claim(socket_, own_pid(), 5));
  expect_row(0, {"*", "beat", pid, "5", "ok", "0", "socket_mode_only", "*"});
  ASSERT_TRUE(send_claim(socket_, 77));
  expect_row(1, {"*", "auth_failure", "77", "-", "pid_mismatch", "-", "-", "*"});
  UnixAgent agent(socket_);
  auto broken = frame_of(own_pid(), 6);
  broken[31] ^= 1;
  ASSERT_TRUE(agent.send(broken));
  expect_row(2, {"*", "decode", "-", "-", "BadCrc", "-", "-", "*"});
  expect_row(3, {"*", "stall", pid, "5", "stall", "-", "socket_mode_only", "*"});
  observer.expect("auth_failure");
  observer.expect("decode");
  observer.expect("stall");
  const Json counters = observer.stop();
  EXPECT_EQ(counters["export_lines_total"], 4);
  EXPECT_EQ(counters["export_lines_lost_total"], 0);
  struct stat seen {};
  ASSERT_EQ(::stat(file_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, 0600U);
}

// The call that wrote them had once become part of the comment above it.
TEST_F(Export, HasLossesToo) {
  ObserverProcess observer = observe_into_file();
  UnixAgent agent(socket_);
  ASSERT_TRUE(agent.send(std::array<std::uint8_t, 5>{}));
  expect_row(0, {"*", "loss", "-", "-", "wrong_length", "1", "-", "*"});
  observer.stop();
}

TEST_F(Export, HasAgentsOfOtherNamespacesToo) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = observe_into_file();
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json event = observer.next_event();
  expect_row(0, {"*", event["event"], "2", "-",
                 event["event"] == "auth_failure" ? event["cause"].get<std::string>() : "-", "-",
                 "-", "*"});
  observer.stop();
}

// The times of each run begin at 0, so lines of two runs in one file could not be told apart.
TEST_F(Export, SaysWhenAndInWhichRun) {
  std::vector<std::string> runs;
  for (std::size_t run = 0; run < 2; ++run) {
    ObserverProcess observer = observe_into_file();
    runs.push_back(observer.ready()["run"]);
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    ASSERT_TRUE(within_patience([&] { return rows_in(file_).size() > run; }));
    observer.stop();
  }
  const auto rows = rows_in(file_);
  EXPECT_NE(runs[0], runs[1]);
  EXPECT_EQ(rows[0][9], runs[0]);
  EXPECT_EQ(rows[1][9], runs[1]);
  EXPECT_LT(std::stoull(rows[0][8]), std::stoull(rows[1][8]));
}

TEST_F(Export, IsAppendedToByTheNextObserver) {
  for (int run = 0; run < 2; ++run) {
    ObserverProcess observer = observe_into_file();
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    expect_row(static_cast<std::size_t>(run),
               {"*", "beat", std::to_string(own_pid()), "1", "ok", "0", "socket_mode_only", "*"});
    observer.stop();
  }
}

TEST_F(Export, RefusesASymbolicLink) {
  std::filesystem::create_symlink(directory_.path("victim"), file_);
  Process observer(arguments({"--export-file", file_}));
  EXPECT_EQ(observer.wait(), 1);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("--export-file: " + file_ + " is a symbolic link"), std::string::npos)
      << errors;
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(Export, LosesNoLineWhenItIsRotatedUnderLoad) {
  constexpr std::uint64_t kBeats = 20'000;
  constexpr int kRotations = 20;
  ObserverProcess observer = observe_into_file();
  Child sender = Child::run([&] {
    send_all(socket_, 1, kBeats);
    ::pause();  // who has to be read from /proc must be there
  });
  std::vector<std::string> files{file_};
  for (int i = 0; i < kRotations; ++i) {
    files.push_back(file_ + "." + std::to_string(i));
    std::filesystem::rename(file_, files.back());
    std::this_thread::sleep_for(milliseconds(3));
    observer.process().signal(SIGHUP);
    ASSERT_TRUE(within_patience([&] { return std::filesystem::exists(file_); }));
  }
  std::map<std::string, int> nonces;
  ASSERT_TRUE(within_patience([&] {
    nonces.clear();
    for (const auto& file : files) {
      for (const auto& row : rows_in(file)) ++nonces[row[3]];
    }
    return nonces.size() >= kBeats;
  })) << nonces.size();
  for (const auto& [nonce, times] : nonces) ASSERT_EQ(times, 1) << nonce;
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], kBeats);
  EXPECT_EQ(counters["export_lines_total"], kBeats);
  EXPECT_EQ(counters["export_lines_lost_total"], 0);
}

TEST_F(Export, GoesOnInTheOldFileWhenTheNewOneIsRefused) {
  ObserverProcess observer = observe_into_file();
  std::filesystem::rename(file_, file_ + ".1");
  std::filesystem::create_directory(file_);
  observer.process().signal(SIGHUP);
  std::this_thread::sleep_for(milliseconds(100));
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  EXPECT_TRUE(within_patience([&] { return rows_in(file_ + ".1").size() == 1; }));
  observer.stop();
  const std::string errors = observer.process().errors();
  EXPECT_NE(errors.find("SIGHUP: " + file_ + " is a directory"), std::string::npos) << errors;
}

// SIGHUP must not end the wait for a slow reader.
TEST_F(Export, IsOpenedAgainWhileTheReaderOfTheStreamSleeps) {
  ObserverProcess observer = observe({"--export-file", file_, "--threshold-ms", "60000"});
  UnixAgent agent(socket_);
  // More than a pipe and a socket hold.
  for (std::uint64_t nonce = 1; nonce <= 3000; ++nonce) {
    const auto sent = agent.send(frame_of(own_pid(), nonce));
    ASSERT_TRUE(sent);
    if (sent.value() != UnixAgent::Outcome::Queued) break;
    if (nonce % 8 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  observer.process().signal(SIGHUP);
  std::this_thread::sleep_for(milliseconds(600));
  while (observer.next_event(milliseconds(500)).contains("event")) {
  }
  std::filesystem::rename(file_, file_ + ".1");
  observer.process().signal(SIGHUP);
  EXPECT_TRUE(within_patience([&] { return std::filesystem::exists(file_); }));
  observer.stop();
}

TEST_F(Export, OtherSignalsStillEndTheObserver) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ObserverProcess observer = observe_into_file();
    observer.process().signal(SIGHUP);
    observer.stop(signal);
  }
}

// A private file system: small, but larger than the buffer.
void enter_small_disk(const std::string& directory) {
  become(::unshare(CLONE_NEWNS));
  become(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  become(::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=256k"));
}

void fill(const std::string& path) {
  const Fd ballast(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(ballast);
  const std::string page(4096, 'x');
  while (::write(ballast.get(), page.data(), page.size()) > 0) {
  }
}

TEST_F(Export, SurvivesAFullDisk) {
  HB_NEEDS_ROOT();
  const std::string disk = directory_.path("disk");
  std::filesystem::create_directory(disk);
  Process observer(arguments({"--events", "json", "--beats", "none", "--threshold-ms", "60000",
                              "--export-file", disk + "/events.tsv"}),
                   {}, [&] { enter_small_disk(disk); });
  ASSERT_TRUE(observer.next_line());
  const std::string seen_disk = "/proc/" + std::to_string(observer.pid()) + "/root" + disk;
  const Fd file(::open((seen_disk + "/events.tsv").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  const std::string seen = "/proc/self/fd/" + std::to_string(file.get());

  fill(seen_disk + "/ballast");
  send_all(socket_, 1, 5'000);
  send_claim(socket_, 77);  // is told on the stream too, when all before has been handled
  int notices = 0;
  for (auto line = observer.next_line(); line && line->find("auth_failure") == std::string::npos;
       line = observer.next_line()) {
    ++notices;
  }
  const std::size_t before = rows_in(seen).size();
  EXPECT_LT(before, 5'000U);
  ASSERT_EQ(::unlink((seen_disk + "/ballast").c_str()), 0);
  EXPECT_TRUE(within_patience([&] { return rows_in(seen).size() > before; }));

  send_all(socket_, 5'001, 5'010);
  EXPECT_TRUE(within_patience([&] { return rows_in(seen).back()[3] == "5010"; }));
  observer.signal(SIGTERM);
  auto last = observer.next_line();
  for (; last && last->find(R"("event":"loss")") != std::string::npos;
       last = observer.next_line()) {
    EXPECT_NE(last->find("export_file"), std::string::npos) << *last;
    ++notices;
  }
  ASSERT_TRUE(last);
  EXPECT_GT(notices, 0) << "the stream tells it too";
  EXPECT_EQ(observer.wait(), 0);
  const Json counters = Json::parse(*last)["counters"];
  const auto lost = counters["export_lines_lost_total"].get<std::uint64_t>();
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(counters["export_lines_total"], rows_in(seen).size());
  EXPECT_EQ(counters["export_lines_total"].get<std::uint64_t>() + lost, 5'011U);
  const std::string errors = observer.errors();
  EXPECT_EQ(count(errors, "No space left"), 1U) << errors;
  EXPECT_EQ(count(errors, "can be written again; "), 1U) << errors;
}

}  // namespace
}  // namespace hb::test
