// Lines for a reader that does not read: what is buffered, what is lost, and the gap lines.
#include "report/line_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/allocations.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/pipe.hpp"

namespace hb::test {
namespace {

constexpr std::size_t kLineBytes = 64;  // a power of two: so many fill a buffer to the last byte
constexpr std::size_t kPage = 4096;

std::string line(int number) {
  std::string text = "line " + std::to_string(number);
  text.resize(kLineBytes - 1, '.');
  return text + "\n";
}

std::string lines(int first, int end) {
  std::string text;
  for (int number = first; number < end; ++number) text += line(number);
  return text;
}

bool is_writable(int fd) {
  pollfd polled{fd, POLLOUT, 0};
  return ::poll(&polled, 1, 0) > 0;
}

class NeverWaiting : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  // For a pipe that is full.
  void stall(std::size_t buffer_bytes) {
    pipe_.fill();
    keep(buffer_bytes);
  }
  void keep(std::size_t buffer_bytes) {
    out_.never_wait(buffer_bytes);
    out_.tell_gaps_with([this](const LineWriter::Gap& gap) {
      ++told_;
      since_ns_ = gap.since_ns;
      out_.write("gap " + std::to_string(gap.lines) + "\n");
    });
  }
  void write(int first, int end) {
    for (int number = first; number < end; ++number) out_.write(line(number));
  }

  // All that the reader gets now, without what the pipe was filled with; the writer writes on
  // whenever there is room.
  std::string read_on() {
    std::string all;
    do {
      out_.flush();
      out_.tell_gap();
      pollfd polled{pipe_.out(), POLLIN, 0};
      if (::poll(&polled, 1, 0) <= 0) break;
      all += pipe_.text(kPage);
    } while (true);
    const auto first = all.find_first_not_of('x');
    return first == std::string::npos ? "" : all.substr(first);
  }

  Pipe pipe_;
  LineWriter out_{pipe_.in()};
  int told_ = 0;
  std::uint64_t since_ns_ = 0;
};

TEST_F(NeverWaiting, WritesAtOnceWhileThereIsRoom) {
  keep(kPage);
  write(0, 1);
  EXPECT_EQ(pipe_.text(), line(0));
  EXPECT_FALSE(out_.has_waiting());
}

TEST_F(NeverWaiting, KeepsWhatFindsNoRoomAndItsOrder) {
  stall(kPage);
  write(0, 50);
  EXPECT_TRUE(out_.has_waiting());
  EXPECT_FALSE(out_.flush()) << "there is no room";
  EXPECT_EQ(read_on(), lines(0, 50));
  EXPECT_FALSE(out_.has_waiting());
  EXPECT_EQ(out_.lost(), 0U);
  EXPECT_EQ(told_, 0);
  write(50, 51);
  EXPECT_EQ(pipe_.text(), line(50));
}

// A line that comes when there is room again does not overtake.
TEST_F(NeverWaiting, WritesBehindWhatWaits) {
  stall(kPage);
  write(0, 1);
  pipe_.text(2 * kPage);
  write(1, 2);
  EXPECT_EQ(read_on(), lines(0, 2));
}

TEST_F(NeverWaiting, LosesWhatFindsNoRoomInTheBufferEither) {
  stall(kPage);
  constexpr int kKept = kPage / kLineBytes;
  write(0, 200);
  EXPECT_EQ(out_.lost(), 200U - kKept);
  EXPECT_EQ(told_, 0) << "there is no room for it";
  EXPECT_EQ(read_on(), lines(0, kKept) + "gap " + std::to_string(200 - kKept) + "\n");
  EXPECT_EQ(told_, 1);
  EXPECT_GT(since_ns_, 0U);
  write(200, 201);
  EXPECT_EQ(pipe_.text(), line(200));
  EXPECT_FALSE(out_.closed());
  EXPECT_FALSE(out_.take_problem()) << "a slow reader is no failure";
}

// One stall, one gap: not one for each page that a slow reader takes.
TEST_F(NeverWaiting, TakesNothingBeforeHalfOfTheBufferIsFree) {
  stall(4 * kPage);
  constexpr int kKept = 4 * kPage / kLineBytes;
  write(0, kKept + 1);
  pipe_.text(kPage);
  EXPECT_TRUE(out_.flush());
  out_.tell_gap();
  write(kKept + 1, kKept + 2);
  EXPECT_EQ(told_, 0);
  EXPECT_EQ(out_.lost(), 2U);
  pipe_.text(kPage);
  EXPECT_TRUE(out_.flush());
  write(kKept + 2, kKept + 3);
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(read_on(), lines(0, kKept) + "gap 2\n" + line(kKept + 2));
}

TEST_F(NeverWaiting, ReportsEveryGap) {
  stall(kPage);
  constexpr int kKept = kPage / kLineBytes;
  std::string wanted;
  for (int round = 0; round < 3; ++round) {
    const int first = round * 100;
    write(first, first + 100);
    wanted += lines(first, first + kKept) + "gap " + std::to_string(100 - kKept) + "\n";
    if (round < 2) {
      EXPECT_EQ(read_on(), wanted);
      wanted.clear();
      pipe_.fill();
    }
  }
  EXPECT_EQ(read_on(), wanted);
  EXPECT_EQ(out_.lost(), 3U * (100 - kKept));
}

TEST_F(NeverWaiting, LosesALineThatIsLongerThanTheBuffer) {
  stall(kPage);
  out_.write(std::string(2 * kPage, 'y') + "\n");
  write(0, 1);
  EXPECT_EQ(out_.lost(), 1U);
  EXPECT_EQ(read_on(), "gap 1\n" + line(0));
}

// A pipe takes PIPE_BUF bytes in one piece: what other processes write is never amid a line.
TEST_F(NeverWaiting, WritesWholeLines) {
  stall(64 * kPage);
  std::string wanted;
  for (const std::size_t bytes : {1U, 1000U, 3095U, 3096U, 4095U, 4096U, 2U, 4094U, 4096U}) {
    const std::string text = std::string(bytes - 1, 'y') + "\n";
    wanted += text;
    out_.write(text);
  }
  std::string got = pipe_.text(1U << 20);
  EXPECT_EQ(got.find_first_not_of('x'), std::string::npos);
  pipe_.fill();  // and let in one page at a time
  got.clear();
  while (out_.has_waiting()) {
    pipe_.text(kPage);
    ASSERT_TRUE(out_.flush());
  }
  for (std::string part = read_on(); !part.empty(); part = read_on()) got += part;
  EXPECT_EQ(got, wanted);
}

TEST_F(NeverWaiting, WritesALongLineInPieces) {
  ::fcntl(pipe_.in(), F_SETPIPE_SZ, kPage);
  keep(16 * kPage);
  const std::string longer = std::string(3 * kPage + 5, 'y') + "\n";
  out_.write(longer);
  write(0, 1);
  EXPECT_TRUE(out_.has_waiting());
  EXPECT_EQ(read_on(), longer + line(0));
}

TEST_F(NeverWaiting, AsksForRoomOnlyWhenThereIsSome) {
  stall(kPage);
  write(0, 1);
  EXPECT_FALSE(is_writable(out_.fd()));
  pipe_.text(kPage);
  EXPECT_TRUE(is_writable(out_.fd()));
}

TEST_F(NeverWaiting, NoticesThatTheReaderIsGoneThoughLinesWait) {
  stall(kPage);
  write(0, 100);
  pipe_.close_reader();
  EXPECT_TRUE(is_writable(out_.fd())) << "poll(2) tells";
  out_.flush();
  EXPECT_TRUE(out_.closed());
  EXPECT_EQ(out_.lost(), 100U);
  const auto problem = out_.take_problem();
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->code, EPIPE);
  write(100, 101);
  EXPECT_EQ(out_.lost(), 101U);
}

TEST_F(NeverWaiting, LeavesTheDescriptorOfOthersAsItWas) {
  const int before = ::fcntl(pipe_.in(), F_GETFL);
  stall(kPage);
  write(0, 100);
  EXPECT_EQ(::fcntl(pipe_.in(), F_GETFL), before);
  EXPECT_EQ(before & O_NONBLOCK, 0);
}

TEST_F(NeverWaiting, AllocatesNothingForALine) {
  stall(kPage);
  const std::string text = line(0);
  out_.write(text);
  const std::size_t before = allocations();
  for (int i = 0; i < 1000; ++i) out_.write(text);
  EXPECT_EQ(allocations(), before);
}

TEST_F(NeverWaiting, WritesTheBufferToAReaderThatContinuesAtTheEnd) {
  stall(1U << 20);
  write(0, 4000);  // a quarter of a MiB
  std::string got;
  std::thread reader([&] {
    for (std::string part = pipe_.text(); !part.empty() && !got.ends_with("bye\n");
         part = pipe_.text()) {
      got += part;
      if (got.ends_with("bye\n")) break;
    }
  });
  out_.end();
  out_.write("bye\n");
  reader.join();
  EXPECT_EQ(got.substr(got.find_first_not_of('x')), lines(0, 4000) + "bye\n");
  EXPECT_EQ(out_.lost(), 0U);
}

TEST_F(NeverWaiting, EndsWithoutAReader) {
  stall(kPage);
  write(0, 10);
  out_.end();
  out_.write("bye\n");
  EXPECT_TRUE(out_.closed());
  EXPECT_FALSE(out_.has_waiting());
  EXPECT_EQ(out_.lost(), 11U);
}

// As a user that may not open it again, as it belongs to another user.
TEST_F(NeverWaiting, NeedsNoDescriptionOfItsOwn) {
  HB_NEEDS_ROOT();
  pipe_.fill();
  Child child = Child::run([this] {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    LineWriter out(pipe_.in());
    if (out.fd() != pipe_.in()) ::_exit(2);  // it was opened again
    out.never_wait(kPage);
    for (int number = 0; number < 100; ++number) out.write(line(number));
    if (out.lost() != 100 - kPage / kLineBytes) ::_exit(3);
    pipe_.text(kPage);
    if (!out.flush() || out.has_waiting()) ::_exit(4);
  });
  EXPECT_EQ(child.wait(), 0);
  std::string got;
  while (!got.ends_with(line(63))) got += pipe_.text();
  EXPECT_EQ(got.substr(got.find_first_not_of('x')), lines(0, 64));
}

TEST_F(NeverWaiting, ReportsAFullDiskAsAGap) {
  const std::string path = "/tmp/hb-lines-" + std::to_string(::getpid());
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  LineWriter out(file.get());
  out.never_wait(kPage);
  out.tell_gaps_with(
      [&](const LineWriter::Gap& gap) { out.write("gap " + std::to_string(gap.lines) + "\n"); });
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  out.write("12345\n");
  out.write("67890\n");  // the file takes four bytes of it
  out.write("lost\n");
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(out.lost(), 2U) << "the line of the gap is none of the lost";
  EXPECT_FALSE(out.has_waiting());
  out.write("next\n");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  ::unlink(path.c_str());
  EXPECT_EQ(text.str(), "12345\n6789\ngap 2\nnext\n");
}

TEST_F(NeverWaiting, IsNotHeldByAnEventualFullDisk) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  LineWriter out(full.get());
  out.never_wait(kPage);
  int told = 0;
  out.tell_gaps_with([&](const LineWriter::Gap&) {
    ++told;
    out.write("gap\n");
  });
  for (int number = 0; number < 5; ++number) out.write(line(number));
  EXPECT_EQ(out.lost(), 5U);
  EXPECT_EQ(told, 4) << "before each line but the first";
  EXPECT_FALSE(out.closed());
  EXPECT_FALSE(out.has_waiting());
  EXPECT_EQ(out.take_problem()->code, ENOSPC);
}

TEST_F(NeverWaiting, WritesToASocket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd reads(ends[0]);
  const Fd writes(ends[1]);
  LineWriter out(writes.get());
  out.never_wait(1U << 20);
  std::string wanted;
  for (int number = 0; number < 8000; ++number) {
    out.write(line(number));
    wanted += line(number);
  }
  EXPECT_TRUE(out.has_waiting()) << "more than a socket holds";
  EXPECT_EQ(out.lost(), 0U);
  std::string got;
  while (got.size() < wanted.size()) {
    std::string part(65536, '\0');
    const ssize_t length = ::recv(reads.get(), part.data(), part.size(), MSG_DONTWAIT);
    if (length > 0) got.append(part.data(), static_cast<std::size_t>(length));
    out.flush();
  }
  EXPECT_EQ(got, wanted);
}

// --- Terminals ---

class Terminal : public ::testing::Test {
 protected:
  void SetUp() override {
    screen_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(screen_ && ::grantpt(screen_.get()) == 0 && ::unlockpt(screen_.get()) == 0);
    program_.reset(::open(::ptsname(screen_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(program_);
    out_ = std::make_unique<LineWriter>(program_.get());
    out_->never_wait(1U << 20);
  }

  // What is on the screen, with its line ends as they were written.
  std::string read_until(std::size_t bytes) {
    std::string all;
    while (all.size() < bytes) {
      out_->flush();
      std::string part(4096, '\0');
      const ssize_t length = ::read(screen_.get(), part.data(), part.size());
      if (length <= 0) break;
      for (const char c : part.substr(0, static_cast<std::size_t>(length))) {
        if (c != '\r') all.push_back(c);
      }
    }
    return all;
  }

  Fd screen_;
  Fd program_;
  std::unique_ptr<LineWriter> out_;
};

TEST_F(Terminal, ThatIsNotReadDoesNotBlock) {
  for (int number = 0; number < 5000; ++number) out_->write(line(number));
  EXPECT_TRUE(out_->has_waiting()) << "more than a terminal holds";
  EXPECT_EQ(::fcntl(program_.get(), F_GETFL) & O_NONBLOCK, 0) << "the shell's, too";
  EXPECT_EQ(read_until(5000 * kLineBytes), lines(0, 5000));
  EXPECT_EQ(out_->lost(), 0U);
}

// Ctrl-S.
TEST_F(Terminal, ThatIsStoppedDoesNotBlock) {
  ASSERT_EQ(::tcflow(program_.get(), TCOOFF), 0);
  for (int number = 0; number < 10; ++number) out_->write(line(number));
  EXPECT_TRUE(out_->has_waiting());
  EXPECT_FALSE(is_writable(out_->fd()));
  ASSERT_EQ(::tcflow(program_.get(), TCOON), 0);
  EXPECT_EQ(read_until(10 * kLineBytes), lines(0, 10));
}

}  // namespace
}  // namespace hb::test
