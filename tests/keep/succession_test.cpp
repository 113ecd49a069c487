// Observers that follow each other: killed at any instant, they lose no beat and no exit, accept
// nothing twice and nothing forged, and agents notice nothing.
#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <vector>

#include "tests/keep/keeper_fixture.hpp"
#include "tests/support/agent.hpp"
#include "tests/support/connected.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

class Succession : public Keeping {
 protected:
  void observe(const Argv& more = {}) {
    Argv argv{"keep", "--restart", "always", "--start-limit", "0", "--restart-delay-ms", "0", "--"};
    const Argv run = {hb_ebpf({}).front(), "run",    "--events", "json", "--socket", socket_,
                      "--threshold-ms",    "600000", "--nice",   "0"};
    argv.insert(argv.end(), run.begin(), run.end());
    if (!delivery_.empty()) argv.insert(argv.end(), {"--delivery", delivery_});
    argv.insert(argv.end(), more.begin(), more.end());
    argv = hb_ebpf(argv);
    keeper_ = passed_ ? std::make_unique<Process>(PassedSocket::pass_to(argv), passed_->streams())
                      : std::make_unique<Process>(argv);
  }

  // The next line of the stream with that event, past all that comes before it, and past what may
  // have been told before: a kill may come before the observer has noted that it told a line.
  Json next(const std::string& event) {
    while (const auto line = keeper_->next_line()) {
      Json told = Json::parse(*line);
      if (told.value("event", "") == event && !told.contains("may_be_repeated")) return told;
    }
    ADD_FAILURE() << "no " << event << "; " << log();
    return Json::object();
  }

  static pid_t pid_of(const Json& ready) { return ready.value("pid", -1); }

  // The observer that is started next; the keeper says so before that has done anything.
  pid_t next_start() {
    while (const auto line = keeper_->next_error()) {
      const std::string before = " as pid ";
      const auto at = line->find(before);
      if (line->find("started ") != std::string::npos && at != std::string::npos) {
        return std::atoi(line->c_str() + at + before.size());
      }
    }
    return -1;
  }

  // Ends everything, and returns the counters of all lives together.
  Json stop_and_count() {
    keeper_->signal(SIGTERM);
    Json stopped = next("stopped");
    EXPECT_EQ(keeper_->wait(), 0);
    return stopped.value("counters", Json::object());
  }

  std::string log() {
    std::string all;
    constexpr std::chrono::milliseconds kNoTime{0};
    while (const auto line = keeper_->next_error(kNoTime)) all += "\n  " + *line;
    return all;
  }

  std::string socket_ = directory_.path("hb.sock");
  std::string delivery_ = "ring";       // empty: not given
  std::optional<PassedSocket> passed_;  // bound to socket_ by somebody else
};

TEST_F(Succession, BeatsThatAreSentWhileNobodyObservesAreAccepted) {
  observe();
  const Json first = next("ready");
  EXPECT_FALSE(first.contains("resumed"));
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
  }
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) EXPECT_EQ(next("beat")["nonce"], nonce);
  ::kill(pid_of(first), SIGKILL);
  for (std::uint64_t nonce = 4; nonce <= 40; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
  }
  const Json second = next("ready");
  EXPECT_NE(pid_of(second), pid_of(first));
  EXPECT_EQ(second["resumed"], true);
  EXPECT_GT(second["away_ns"], 0);
  EXPECT_EQ(second["agents_resumed"], 1);
  EXPECT_EQ(second["agents_dropped"], 0);
  for (std::uint64_t nonce = 4; nonce <= 40; ++nonce) {
    const Json beat = next("beat");
    EXPECT_EQ(beat["nonce"], nonce);
    EXPECT_EQ(beat["origin"], "kernel_attested");
  }
  const Json counters = stop_and_count();
  EXPECT_EQ(counters["beats_total"], 40);
  EXPECT_EQ(counters["receptions_total"], 40);
  EXPECT_EQ(counters["out_of_order_total"], 0);
}

// Below a socket unit path and file are nobody's of ours, and all else is handed on as always.
TEST_F(Succession, WithTheSocketOfASocketUnitNoBeatIsLostEither) {
  passed_.emplace(socket_);
  observe();
  const Json first = next("ready");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  EXPECT_EQ(next("beat")["nonce"], 1);
  ::kill(pid_of(first), SIGKILL);
  for (std::uint64_t nonce = 2; nonce <= 40; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
  }
  EXPECT_EQ(next("ready")["resumed"], true);
  for (std::uint64_t nonce = 2; nonce <= 40; ++nonce) EXPECT_EQ(next("beat")["nonce"], nonce);
  const Json counters = stop_and_count();
  EXPECT_EQ(counters["beats_total"], 40);
  EXPECT_EQ(counters["frames_dropped_total"]["before_start"], 0);
  EXPECT_TRUE(std::filesystem::exists(socket_));
  EXPECT_FALSE(std::filesystem::exists(socket_ + ".lock"));
}

TEST_F(Succession, AnAgentThatEndsWhileNobodyObservesIsToldWithItsCode) {
  observe();
  const Json first = next("ready");
  int gate[2];
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  const Fd reader(gate[0]);
  const Fd writer(gate[1]);
  Child agent = Child::run([&] {
    send_claim(socket_, own_pid(), 1);
    char go = 0;
    if (::read(reader.get(), &go, 1) == 1) ::_exit(7);
  });
  next("beat");
  ::kill(pid_of(first), SIGKILL);
  ASSERT_EQ(::write(writer.get(), "x", 1), 1);
  agent.wait();
  EXPECT_EQ(next("ready")["resumed"], true);
  const Json stall = next("stall");
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall["exit_code"], 7);
  EXPECT_EQ(stall["last_nonce"], 1);
  EXPECT_EQ(stop_and_count()["stalls_total"], 1);
}

// Which delivery it is nobody needs to know.
TEST_F(Succession, WhereSomethingIsKeptDeliveryIsByRingUnlessItIsGiven) {
  delivery_.clear();
  observe();
  EXPECT_TRUE(is_told("using --delivery ring"));
  const Json first = next("ready");
  ::kill(pid_of(first), SIGKILL);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  EXPECT_EQ(next("ready")["resumed"], true);
  EXPECT_EQ(next("beat")["nonce"], 1);
}

// Of datagrams that were received, some may not have been judged.
TEST_F(Succession, BySocketNothingIsKeptWhichIsSaid) {
  delivery_ = "socket";
  observe();
  const Json first = next("ready");
  EXPECT_TRUE(is_told("only with --delivery ring"));
  ::kill(pid_of(first), SIGKILL);
  EXPECT_FALSE(next("ready").contains("resumed"));
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  EXPECT_EQ(next("beat")["nonce"], 1);
  keeper_->signal(SIGTERM);
  EXPECT_EQ(keeper_->wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

// Recovery begins anew, but acts at once: who ended meanwhile has nobody else.
TEST_F(Succession, AnAgentThatDiesWhileNobodyObservesIsRecovered) {
  const std::string acted = directory_.path("acted");
  observe({"--recovery-exec", "/bin/touch " + acted, "--recovery-settle-ms", "1"});
  const Json first = next("ready");
  Child agent = Child::run([&] {
    send_claim(socket_, own_pid(), 1);
    ::pause();
  });
  next("beat");
  ::kill(pid_of(first), SIGKILL);
  ::kill(agent.pid(), SIGKILL);
  agent.wait();
  EXPECT_EQ(next("ready")["resumed"], true);
  EXPECT_EQ(next("stall")["exit_signal"], SIGKILL);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(acted); })) << log();
}

// What another one sends after the restart is judged as always.
TEST_F(Succession, AForgerFindsNoGap) {
  observe();
  const Json first = next("ready");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  next("beat");
  ::kill(pid_of(first), SIGKILL);
  const auto claimed = own_pid();
  Child forger = Child::run([&] {
    for (std::uint64_t nonce = 2; nonce < 5; ++nonce) send_claim(socket_, claimed, nonce);
  });
  const auto forger_pid = forger.pid();
  forger.wait();
  for (int n = 0; n < 3; ++n) EXPECT_EQ(next("auth_failure")["attested_pid"], forger_pid);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 2));
  EXPECT_EQ(next("beat")["nonce"], 2);
  EXPECT_EQ(stop_and_count()["beats_total"], 2);
}

TEST_F(Succession, AnotherUserWhoIsBecomeGoesOnToo) {
  HB_NEEDS_ROOT();
  observe({"--user", "nobody"});
  const Json first = next("ready");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  next("beat");
  ::kill(pid_of(first), SIGKILL);
  EXPECT_EQ(next("ready")["agents_resumed"], 1);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 2));
  EXPECT_EQ(next("beat")["nonce"], 2);
}

// With other settings than the kernel program has, all is given up, and the path is free.
TEST_F(Succession, OtherSettingsBeginAnewAndSaySo) {
  const std::string config = directory_.path("hb.conf");
  std::ofstream(config) << "tracker-capacity = 100\n";
  observe({"--config", config});
  const Json first = next("ready");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  next("beat");
  std::ofstream(config) << "tracker-capacity = 200\n";
  ::kill(pid_of(first), SIGKILL);
  EXPECT_FALSE(next("ready").contains("resumed"));
  EXPECT_TRUE(is_told("--tracker-capacity"));
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  const Json beat = next("beat");
  EXPECT_EQ(beat["nonce"], 1);
  EXPECT_EQ(stop_and_count()["beats_total"], 1);
}

// Its end, before it is ready, must not take away what the next one needs: as after an upgrade that
// fails.
TEST_F(Succession, OneThatFailsAfterItHasTakenOverLeavesAllToTheNext) {
  const std::string config = directory_.path("hb.conf");
  const std::string missing = directory_.path("missing");
  std::ofstream(config) << "";
  observe({"--config", config});
  const Json first = next("ready");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  next("beat");
  std::ofstream(config) << "export-file = " << missing << "/events.tsv\n";
  ::kill(pid_of(first), SIGKILL);
  EXPECT_TRUE(is_told(missing)) << "it fails";
  ASSERT_TRUE(send_claim(socket_, own_pid(), 2)) << "while one after the other fails";
  std::filesystem::create_directory(missing);
  const Json last = next("ready");
  EXPECT_EQ(last["resumed"], true);
  EXPECT_EQ(last["agents_resumed"], 1);
  EXPECT_EQ(next("beat")["nonce"], 2);
  EXPECT_EQ(stop_and_count()["beats_total"], 2);
}

// Somebody has removed the socket meanwhile: agents would not reach its successor.
TEST_F(Succession, ASocketThatHasLostItsPathIsNotTakenOver) {
  observe();
  const Json first = next("ready");
  ::kill(pid_of(first), SIGSTOP);
  ASSERT_EQ(::unlink(socket_.c_str()), 0);
  ::kill(pid_of(first), SIGKILL);
  EXPECT_FALSE(next("ready").contains("resumed"));
  EXPECT_TRUE(is_told("does not lead to it"));
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  EXPECT_EQ(next("beat")["nonce"], 1);
}

// As many as the variable says.
int how_many(const char* variable, int few) {
  const char* asked = std::getenv(variable);
  return asked != nullptr ? std::atoi(asked) : few;
}

// Random kills under load: agents that go on, agents that end, and a forger.
class RandomKills : public Succession {
 protected:
  static constexpr std::size_t kMostSenders = 4096;

  struct Shared {
    std::atomic<bool> is_over;
    std::array<std::atomic<std::uint64_t>, kMostSenders> sent;  // by each sender
    std::atomic<std::uint64_t> forged;
  };

  RandomKills() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    shared_ = new (memory) Shared{};
  }
  ~RandomKills() override { ::munmap(shared_, sizeof(Shared)); }

  // Beats `beats` times, then ends with that code. Every other one speaks systemd's notify
  // protocol; a hundred beats a second, or 20, for which there is always room in that ring.
  void start_agent(std::uint64_t beats, int code) {
    const std::size_t number = agents_.size();
    agents_.push_back(Child::run([&, number] {
      number % 2 == 0 ? beat(number, beats) : notify(number, beats);
      ::_exit(code);
    }));
    pids_.push_back(agents_.back().pid());
  }

  void beat(std::size_t number, std::uint64_t beats) {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= beats && !shared_->is_over; ++nonce) {
      const auto sent = agent.send(frame_of(own_pid(), nonce));
      if (!sent || sent.value() != UnixAgent::Outcome::Queued) ::_exit(99);
      shared_->sent[number] = nonce;
      ::usleep(10'000);
    }
  }

  void notify(std::size_t number, std::uint64_t beats) {
    const Fd sender = connected_to(notify_socket_);
    for (std::uint64_t n = 1; n <= beats && !shared_->is_over; ++n) {
      if (::send(sender.get(), "WATCHDOG=1", 10, 0) != 10) ::_exit(99);
      shared_->sent[number] = n;
      ::usleep(50'000);
    }
  }

  void start_forger(std::uint32_t claimed) {
    agents_.push_back(Child::run([&, claimed] {
      UnixAgent agent(socket_);
      while (!shared_->is_over) {
        const auto sent = agent.send(frame_of(claimed, 1'000'000));
        if (sent && sent.value() == UnixAgent::Outcome::Queued) ++shared_->forged;
        ::usleep(10'000);
      }
    }));
    pids_.push_back(0);
  }

  // What the stream tells within that time.
  void take_lines(std::chrono::milliseconds time) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + time;
    for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
      if (const auto line = keeper_->next_line(left)) take(Json::parse(*line));
    }
  }

  void take(const Json& told) {
    const std::string event = told.value("event", "");
    if (event == "ready") {
      ++readies_;
      if (!told.contains("resumed")) ++begun_anew_;
    }
    if (event == "beat") {
      const int times = ++first_beats_[told["pid"]];
      EXPECT_TRUE(times == 1 || told.contains("may_be_repeated")) << told;
    }
    if (event == "stall") {
      const bool may_be_second = told.contains("may_be_repeated");
      const int times = ++exits_[told["pid"]];
      EXPECT_TRUE(told["cause"] == "exited" && (times == 1 || may_be_second)) << told;
      if (may_be_second) ++marked_;
    }
    if (event == "stopped") counters_ = told["counters"];
  }

  // Observers under load, each ended by `end(pid)` at a random instant.
  template <typename End>
  void observe_and_end(int ends, End&& end) {
    constexpr std::uint64_t kForEver = ~std::uint64_t{0};
    std::minstd_rand random(static_cast<unsigned>(::getpid()));
    // Room for minutes of a busy machine, in the ring, and, with few lines, in the stream's pipe:
    // what waits for a reader in the observer is lost with it.
    observe({"--ring-bytes", "16777216", "--beats", "changes", "--notify-socket", notify_socket_});
    next("ready");
    pid_t observer = next_start();
    for (int n = how_many("HB_AGENTS", 6); n > 0; --n) start_agent(kForEver, 0);
    start_forger(static_cast<std::uint32_t>(pids_.front()));
    for (int n = 0; n < ends && agents_.size() < kMostSenders; ++n) {
      start_agent(1 + random() % 20, static_cast<int>(random() % 90));
      take_lines(std::chrono::milliseconds(1 + random() % 150));
      end(observer);
      observer = next_start();
      ASSERT_GT(observer, 0) << log();
    }
    take_lines(std::chrono::milliseconds(200));
    end_all();
    check(static_cast<std::uint64_t>(ends));
  }

  // Agents first: each exit is told.
  void end_all() {
    shared_->is_over = true;
    for (Child& agent : agents_) {
      EXPECT_NE(WEXITSTATUS(agent.wait()), 99) << "a beat was not queued";
    }
    const auto are_told = [&] {
      take_lines(std::chrono::milliseconds(10));
      return exits_.size() == agents_.size() - 1;
    };
    EXPECT_TRUE(eventually(are_told)) << exits_.size() << " of " << agents_.size() - 1;
    keeper_->signal(SIGTERM);
    const auto is_over = [&] {
      take_lines(std::chrono::milliseconds(10));
      return !counters_.empty();
    };
    EXPECT_TRUE(eventually(is_over)) << log();
    EXPECT_EQ(keeper_->wait(), 0);
  }

  std::uint64_t sent_by_notify() const {
    std::uint64_t sent = 0;
    for (std::size_t number = 1; number < kMostSenders; number += 2) sent += shared_->sent[number];
    return sent;
  }

  // At an end, what was just being told may be told twice.
  void check(std::uint64_t ends) {
    std::uint64_t sent = 0;
    for (const auto& count : shared_->sent) sent += count;
    EXPECT_EQ(begun_anew_, 0);
    EXPECT_LE(marked_, ends);
    EXPECT_EQ(counters_["beats_total"], sent);
    EXPECT_EQ(counters_["out_of_order_total"], 0);
    EXPECT_EQ(counters_["notify_lines_total"]["watchdog"], sent_by_notify());
    const std::size_t agents = agents_.size() - 1;
    EXPECT_EQ(first_beats_.size(), agents);
    const std::uint64_t refused = counters_["auth_failures_total"]["pid_mismatch"];
    EXPECT_GE(refused, shared_->forged);
    EXPECT_LE(refused, shared_->forged + ends);
    std::cout << ends << " ends, " << readies_ << " observers became ready after them, " << sent
              << " beats sent, " << counters_["beats_total"] << " accepted; " << exits_.size()
              << " exits told, " << marked_ << " marked as perhaps told before; " << shared_->forged
              << " forged, " << refused << " refused\n";
  }

  const std::string notify_socket_ = directory_.path("notify.sock");
  Shared* shared_;
  std::vector<Child> agents_;
  std::vector<pid_t> pids_;  // of agents_; 0: a forger
  std::map<pid_t, int> first_beats_;
  std::map<pid_t, int> exits_;
  int readies_ = 0;
  int begun_anew_ = 0;
  std::uint64_t marked_ = 0;  // exits that may have been told before
  Json counters_;
};

TEST_F(RandomKills, LoseNoBeatAndNoExitAndAcceptNothingTwice) {
  observe_and_end(how_many("HB_KILLS", 20), [&](pid_t observer) { ::kill(observer, SIGKILL); });
}

// Each is killed, and the file of the program started anew, as it may be another one. The keeper
// takes no other upgrade before it has heard that one is ready.
TEST_F(RandomKills, UpgradesLoseNoMore) {
  bool is_first = true;
  observe_and_end(how_many("HB_KILLS", 5), [&](pid_t /*observer*/) {
    EXPECT_TRUE(std::exchange(is_first, false) || is_told(" is ready as pid "));
    keeper_->signal(SIGHUP);
  });
}

}  // namespace
}  // namespace hb::test
