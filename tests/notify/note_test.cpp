// Messages of the notify protocol on their way through the kernel program: whole or cut, with their
// sender's stamp and no other's, and without the descriptors that came with them.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "tests/notify/notify_socket.hpp"
#include "tests/support/agent.hpp"
#include "tests/support/control_message.hpp"
#include "tests/support/pipe.hpp"

namespace hb::test {
namespace {

class NoteTest : public ::testing::Test {
 protected:
  explicit NoteTest(const kernel::Config& config = with_notes()) : socket_(config) {}

  // The only one that has come.
  Note only() {
    auto notes = socket_.notes();
    EXPECT_EQ(notes.size(), 1U);
    return notes.empty() ? Note{} : notes.front();
  }

  // At rest.
  void expect_balance() {
    const hb_counters counters = socket_.program().counters();
    std::uint64_t dropped = 0;
    for (const std::uint64_t drops : counters.drops) dropped += drops;
    EXPECT_EQ(counters.attempts, counters.stamps + dropped);
    EXPECT_EQ(counters.notes, counters.stamps);
  }

  static std::string random_text(std::size_t bytes) {
    std::minstd_rand random(static_cast<unsigned>(bytes));
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  }

  // Whether nobody has the writing end of the pipe any more. Not waited for.
  static bool has_hung_up(const Pipe& pipe) {
    pollfd polled{pipe.out(), POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1 && (polled.revents & POLLHUP) != 0;
  }

  NotifySocket socket_;
  Fd sender_ = socket_.connected();
};

// Any bytes: what they mean is not the kernel program's business.
TEST_F(NoteTest, EveryLengthArrivesAsItWasSent) {
  for (std::size_t bytes = 1; bytes <= HB_NOTE_BYTES; ++bytes) {
    const std::string text = random_text(bytes);
    ASSERT_EQ(say(sender_.get(), text), static_cast<ssize_t>(bytes));
    const Note note = only();
    ASSERT_EQ(note.text, text) << bytes;
    ASSERT_EQ(note.sent_bytes, bytes);
    ASSERT_EQ(note.stamp.version, HB_STAMP_VERSION);
    ASSERT_EQ(note.stamp.tgid, own_pid()) << bytes;
    ASSERT_TRUE(std::ranges::all_of(note.stamp.frame, [](auto byte) { return byte == 0; }));
  }
  expect_balance();
}

// Also of one whose text is not in the socket buffer's linear part.
TEST_F(NoteTest, OfALongerOneTheBeginningArrives) {
  for (const std::size_t bytes : {4097U, 5007U, 8192U, 40'000U, 65'536U, 150'000U}) {
    const std::string text = random_text(bytes);
    ASSERT_EQ(say(sender_.get(), text), static_cast<ssize_t>(bytes));
    const Note note = only();
    EXPECT_EQ(note.text, text.substr(0, HB_NOTE_BYTES)) << bytes;
    EXPECT_EQ(note.sent_bytes, bytes);
    EXPECT_EQ(note.stamp.tgid, own_pid());
  }
  expect_balance();
}

TEST_F(NoteTest, AnEmptyOneIsCounted) {
  ASSERT_EQ(say(sender_.get(), ""), 0);
  EXPECT_TRUE(socket_.notes().empty());
  EXPECT_EQ(socket_.drops(HB_DROP_WRONG_LENGTH), 1U);
  expect_balance();
}

// The self-beat of the observer itself is no message; what looks like it is one.
TEST_F(NoteTest, ASelfBeatOfSomebodyElseIsAMessage) {
  std::string text(HB_FRAME_BYTES, 'x');
  const std::uint64_t magic = HB_SELF_BEAT_MAGIC;
  std::memcpy(text.data(), &magic, sizeof(magic));
  const auto before = socket_.program().self_beats();
  Child other = Child::run([&] { become(say(sender_.get(), text) > 0 ? 0 : 1); });
  const auto pid = static_cast<std::uint32_t>(other.pid());
  ASSERT_EQ(other.wait(), 0);
  const Note note = only();
  EXPECT_EQ(note.text, text);
  EXPECT_EQ(note.stamp.tgid, pid);
  EXPECT_EQ(note.stamp.flags & HB_STAMP_SELF_BEAT, 0U);
  EXPECT_EQ(socket_.program().self_beats(), before);
}

TEST_F(NoteTest, TheReaderIsWokenByEachThatFindsTheRingRead) {
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket_.program().notes_fd(), &event), 0);
  socket_.notes();
  while (::epoll_wait(epoll.get(), &event, 1, 0) > 0) {
  }
  for (int n = 0; n < 5; ++n) {
    ASSERT_GT(say(sender_.get(), "WATCHDOG=1"), 0);
    const auto patience_ms = std::chrono::milliseconds(kPatience).count();
    ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, static_cast<int>(patience_ms)), 1) << n;
    EXPECT_EQ(socket_.notes().size(), 1U);
  }
}

// --- Descriptors ---

TEST_F(NoteTest, APassedDescriptorIsClosedWhenSendmsgReturns) {
  for (int n = 0; n < 100; ++n) {
    Pipe pipe;
    const std::string text = "FDSTORE=1\nFDNAME=mine";
    const int passed = pipe.in();
    ASSERT_GT(send_with_descriptors(sender_.get(), text.data(), text.size(), {&passed, 1}), 0);
    EXPECT_FALSE(has_hung_up(pipe)) << "this process has it";
    pipe.close_writer();
    ASSERT_TRUE(has_hung_up(pipe)) << n;
  }
  EXPECT_EQ(socket_.notes().size(), 100U);
  expect_balance();
}

// 253 with one message (SCM_MAX_FD), and far more in all than a process may have in flight.
TEST_F(NoteTest, AsManyAsCanBePassedAreClosed) {
  Pipe pipe;
  const std::vector<int> passed(253, pipe.in());
  const std::string text = "FDSTORE=1";
  for (int n = 0; n < 50; ++n) {
    ASSERT_GT(send_with_descriptors(sender_.get(), text.data(), text.size(), passed), 0) << n;
  }
  pipe.close_writer();
  EXPECT_TRUE(has_hung_up(pipe));
  EXPECT_EQ(socket_.notes().size(), 50U);
}

// sd_notify_barrier(3) passes a pipe and waits until nobody else has it. Here nobody reads at all.
TEST_F(NoteTest, ABarrierNeedsNobodyWhoReads) {
  Pipe pipe;
  const int passed = pipe.in();
  ASSERT_GT(say(sender_.get(), "READY=1"), 0);
  ASSERT_GT(send_with_descriptors(sender_.get(), "BARRIER=1", 9, {&passed, 1}), 0);
  pipe.close_writer();
  EXPECT_TRUE(has_hung_up(pipe));
}

TEST_F(NoteTest, DescriptorsWithARefusedOneAreClosedToo) {
  Pipe pipe;
  const int passed = pipe.in();
  ASSERT_EQ(send_with_descriptors(sender_.get(), "", 0, {&passed, 1}), 0);
  ASSERT_EQ(socket_.drops(HB_DROP_WRONG_LENGTH), 1U);
  pipe.close_writer();
  EXPECT_TRUE(has_hung_up(pipe));
}

// --- Whose it is ---

// As systemd-notify(1) does for its parent, when it is root.
TEST_F(NoteTest, OtherCredentialsDoNotChangeWhoseItIs) {
  const ucred init{.pid = 1, .uid = 12345, .gid = 12345};
  ASSERT_GT(send_with_credentials(sender_.get(), "WATCHDOG=1", 10, init), 0);
  const Note note = only();
  EXPECT_EQ(note.stamp.tgid, own_pid());
  EXPECT_EQ(note.stamp.uid, ::getuid());
  if (!socket_.program().reads_credentials()) return;  // 6.1 under lockdown
  EXPECT_EQ(note.stamp.cred_pid, 1U);
  EXPECT_NE(note.stamp.flags & HB_STAMP_CREDENTIALS_CHOSEN, 0U);
}

// systemd looks into /proc for the sender and finds nobody (its issue 2739).
TEST_F(NoteTest, OfASenderThatIsGoneItIsStillKnown) {
  for (int n = 0; n < 20; ++n) {
    Child sender = Child::run([&] { become(say(sender_.get(), "WATCHDOG=1") > 0 ? 0 : 1); });
    const auto pid = static_cast<std::uint32_t>(sender.pid());
    ASSERT_EQ(sender.wait(), 0);
    const Note note = only();
    ASSERT_EQ(note.stamp.tgid, pid);
    ASSERT_NE(note.stamp.generation_ns, 0U);
  }
}

TEST_F(NoteTest, AnotherPidNamespaceIsSeen) {
  const int status =
      in_private_namespace([&] { become(say(sender_.get(), "WATCHDOG=1") > 0 ? 0 : 1); });
  ASSERT_EQ(status, 0);
  const Note note = only();
  EXPECT_EQ(note.stamp.own_tgid, 2U);
  EXPECT_NE(note.stamp.tgid, 0U) << "a child namespace is visible";
  EXPECT_NE(note.stamp.pid_ns_inode, socket_.program().observer_ns_inode());
}

bool has_ended(const Child& child) {
  siginfo_t ended{};
  const auto id = static_cast<id_t>(child.pid());
  return ::waitid(P_PID, id, &ended, WEXITED | WNOWAIT | WNOHANG) != 0 || ended.si_pid != 0;
}

// Many send at once, and are preempted while their texts are in buffers that all share.
TEST_F(NoteTest, NobodysTextComesWithAnothersStamp) {
  constexpr int kSenders = 40;
  constexpr int kMessages = 100;
  std::vector<Child> senders;
  std::vector<Note> notes;
  const auto read = [&] {
    for (Note& note : socket_.notes()) notes.push_back(std::move(note));
  };
  for (int n = 0; n < kSenders; ++n) {
    senders.push_back(Child::run([&] {
      const std::string line = "X_PID=" + std::to_string(own_pid()) + "\n";
      std::string text;
      for (int m = 0; m < kMessages; ++m) {
        text += line;
        become(say(sender_.get(), text) > 0 ? 0 : 1);
      }
    }));
  }
  for (Child& sender : senders) {
    while (!has_ended(sender)) read();
    EXPECT_EQ(sender.wait(), 0);
  }
  read();
  for (const Note& note : notes) {
    const std::string line = "X_PID=" + std::to_string(note.stamp.tgid) + "\n";
    ASSERT_EQ(note.text.size() % line.size(), 0U);
    for (std::size_t at = 0; at < note.text.size(); at += line.size()) {
      ASSERT_EQ(note.text.substr(at, line.size()), line);
    }
  }
  const hb_counters counters = socket_.program().counters();
  EXPECT_EQ(counters.attempts, std::uint64_t{kSenders} * kMessages);
  EXPECT_EQ(counters.notes, notes.size());
  EXPECT_GE(notes.size() + socket_.drops(HB_DROP_RING_FULL) + socket_.drops(HB_DROP_NO_BUFFER),
            std::uint64_t{kSenders} * kMessages);
  expect_balance();
}

// --- Bounds ---

class NoteRateTest : public NoteTest {
 protected:
  NoteRateTest() : NoteTest(with_notes({.max_beat_rate = 10})) {}

  // How many of a new process come through.
  std::size_t come_through(const std::string& text, int times) {
    Child::run([&] {
      for (int n = 0; n < times; ++n) say(sender_.get(), text);
    }).wait();
    return socket_.notes().size();
  }
};

TEST_F(NoteRateTest, LimitsAProcessAndLongMessagesMore) {
  const std::size_t short_ones = come_through("WATCHDOG=1", 1000);
  EXPECT_GE(short_ones, 10U) << "a second's worth at once";
  EXPECT_LT(short_ones, 1000U);
  EXPECT_EQ(socket_.drops(HB_DROP_RATE_LIMITED), 1000 - short_ones);
  EXPECT_LT(come_through(std::string(HB_NOTE_BYTES, 'x'), 1000), short_ones);
  expect_balance();
}

constexpr uid_t kFlooder = 65001;
constexpr uid_t kOther = 65002;

class NoteBudgetTest : public NoteTest {
 protected:
  NoteBudgetTest() : NoteTest(with_notes({.senders = 1024, .agents_per_owner = 8})) {}

  void say_as(uid_t uid, const std::string& text, int times) {
    Child::run([&] {
      become(::setresuid(uid, uid, uid));
      for (int n = 0; n < times; ++n) say(sender_.get(), text);
    }).wait();
  }
  std::size_t notes_of(uid_t uid) {
    const auto notes = socket_.notes();
    return static_cast<std::size_t>(
        std::ranges::count_if(notes, [&](const Note& note) { return note.stamp.uid == uid; }));
  }
};

// Nobody reads meanwhile: at least half of the ring stays free.
TEST_F(NoteBudgetTest, OneUserCannotFillTheRing) {
  for (const std::string& text : {std::string("WATCHDOG=1"), std::string(HB_NOTE_BYTES, 'x')}) {
    for (int n = 0; n < 20; ++n) say_as(kFlooder, text, 1000);
    EXPECT_GT(socket_.drops(HB_DROP_SHARE), 0U);
    EXPECT_EQ(socket_.drops(HB_DROP_RING_FULL), 0U);
  }
  expect_balance();
}

TEST_F(NoteBudgetTest, OfOneUserIsNotSpentByAnother) {
  for (int n = 0; n < 20; ++n) say_as(kFlooder, "WATCHDOG=1", 1000);
  ASSERT_GT(socket_.drops(HB_DROP_SHARE), 0U);
  socket_.notes();
  say_as(kOther, "WATCHDOG=1", 100);
  EXPECT_EQ(notes_of(kOther), 100U);
}

// Known for a second and quiet, a process is heard in a ring that somebody else has crowded.
TEST_F(NoteBudgetTest, AProcessThatIsKnownAndQuietIsHeardThroughAFlood) {
  Pipe go;
  Child known = Child::run([&] {
    become(::setresuid(kFlooder, kFlooder, kFlooder));
    go.close_writer();
    do say(sender_.get(), "WATCHDOG=1");
    while (go.text(1) == "x");
  });
  const auto pid = static_cast<std::uint32_t>(known.pid());
  std::vector<Note> first;
  while (first.empty()) first = socket_.notes();
  const std::uint64_t known_from_ns = first.front().stamp.ktime_ns + kNsPerSecond;
  while (now_ns() <= known_from_ns) ::usleep(10'000);
  for (int n = 0; n < 20; ++n) say_as(kFlooder, std::string(HB_NOTE_BYTES, 'x'), 1000);
  ASSERT_GT(socket_.drops(HB_DROP_SHARE), 0U);
  ASSERT_EQ(::write(go.in(), "x", 1), 1);
  go.close_writer();
  known.wait();
  const auto notes = socket_.notes();
  EXPECT_EQ(std::ranges::count_if(notes, [&](const Note& note) { return note.stamp.tgid == pid; }),
            1);
}

class NoteFullTest : public NoteTest {
 protected:
  NoteFullTest() : NoteTest(with_notes({.note_ring_bytes = 65'536})) {}
};

// What a silence is that the observer itself has caused, the table of senders tells.
TEST_F(NoteFullTest, IsCountedAndNotedOfItsSender) {
  std::uint64_t sent = 0;
  while (socket_.drops(HB_DROP_RING_FULL) == 0) {
    ASSERT_GT(say(sender_.get(), "WATCHDOG=1"), 0) << "the sender is never told";
    ASSERT_LT(++sent, 10'000U);
  }
  const auto notes = socket_.notes();
  ASSERT_EQ(notes.size(), sent - 1);
  const hb_stamp& stamp = notes.front().stamp;
  const auto attempt = socket_.program().senders().last_attempt(stamp.slot, stamp.generation_ns);
  ASSERT_TRUE(attempt);
  EXPECT_EQ(attempt->refused_for, HB_DROP_RING_FULL);
  ASSERT_GT(say(sender_.get(), "WATCHDOG=1"), 0);
  EXPECT_EQ(socket_.notes().size(), 1U) << "there is room again";
  expect_balance();
}

}  // namespace
}  // namespace hb::test
