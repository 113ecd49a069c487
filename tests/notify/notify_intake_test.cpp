// Messages of the notify protocol as the observer gets them, by the socket of their own; and that
// socket's path, lost and taken back.
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "tests/notify/notify_socket.hpp"
#include "tests/support/agent.hpp"
#include "tests/support/control_message.hpp"

namespace hb::test {
namespace {

using notify::Assignment;
using std::string_view_literals::operator""sv;

class NotifyIntakeTest : public ::testing::Test {
 protected:
  notify::Message said(std::string_view text) {
    EXPECT_EQ(say(sender_.get(), text), static_cast<ssize_t>(text.size()));
    const auto told = socket_.next();
    EXPECT_TRUE(told);
    return told ? told->message : notify::Message{};
  }

  static std::uint32_t pid_of(const Notification& told) {
    const auto* sender = std::get_if<Identity>(&told.sender);
    return sender != nullptr ? sender->tgid : 0;
  }

  NotifySocket socket_;
  Fd sender_ = socket_.connected();
};

TEST_F(NotifyIntakeTest, NothingNeedsToEndAMessage) {
  EXPECT_TRUE(said("WATCHDOG=1").watchdog);
  EXPECT_TRUE(said("WATCHDOG=1\n").watchdog);
  EXPECT_TRUE(said("WATCHDOG=1\0"sv).watchdog);
}

TEST_F(NotifyIntakeTest, ANulInsideMakesItMalformed) {
  const auto message = said("WATCHDOG=1\0STATUS=x"sv);
  EXPECT_FALSE(message.watchdog);
  EXPECT_EQ(message.count(Assignment::Malformed), 1U);
}

TEST_F(NotifyIntakeTest, StatusMayBeAnyBytes) {
  EXPECT_EQ(said("STATUS=\xff\xfe\x1b[31m\x80").status, "\xff\xfe\x1b[31m\x80");
  EXPECT_EQ(said("STATUS=" + std::string(4000, 's')).status,
            std::string(intake::NotifySource::kStatusBytes, 's'));
}

// As long as the frame of the other protocol.
TEST_F(NotifyIntakeTest, ThirtyTwoBytesAreAMessageToo) {
  const std::string text = "WATCHDOG=1\nSTATUS=twenty-one....";
  ASSERT_EQ(text.size(), std::size_t{HB_FRAME_BYTES});
  EXPECT_TRUE(said(text).watchdog);
}

// 30,010 bytes; 4,096 are 1,365 lines and an "A".
TEST_F(NotifyIntakeTest, OfTenThousandKeysThoseCountThatCome) {
  std::string text;
  for (int n = 0; n < 10'000; ++n) text += "A=\n";
  const auto message = said(text + "WATCHDOG=1");
  EXPECT_EQ(message.count(Assignment::Other), 1365U);
  EXPECT_EQ(message.count(Assignment::Cut), 1U);
  EXPECT_FALSE(message.watchdog);
}

// Cut anywhere, a time never becomes a shorter one.
TEST_F(NotifyIntakeTest, OfALongOneTheIncompleteLineIsDropped) {
  const std::string line = "\nWATCHDOG_USEC=20000000\n";
  for (std::size_t before = HB_NOTE_BYTES - line.size() - 2; before < HB_NOTE_BYTES + 2; ++before) {
    const std::string text = "WATCHDOG=1\nX=" + std::string(before - 13, 'x') + line;
    const auto message = said(text + "STATUS=" + std::string(100, 'x'));
    EXPECT_TRUE(message.watchdog) << before;
    const bool is_whole = before + line.size() <= HB_NOTE_BYTES;
    EXPECT_EQ(message.watchdog_ns.has_value(), is_whole) << before;
    EXPECT_EQ(message.watchdog_ns.value_or(20 * kNsPerSecond), 20 * kNsPerSecond) << before;
  }
}

TEST_F(NotifyIntakeTest, CredentialsOfSomebodyElseAreTold) {
  const auto names_other = [&](pid_t pid) {
    const ucred shown{.pid = pid, .uid = ::getuid(), .gid = ::getgid()};
    EXPECT_GT(send_with_credentials(sender_.get(), "WATCHDOG=1", 10, shown), 0);
    const auto told = socket_.next();
    EXPECT_EQ(pid_of(*told), own_pid());
    return told->names_other;
  };
  EXPECT_FALSE(names_other(::getpid()));
  EXPECT_EQ(names_other(1), socket_.program().reads_credentials());
}

// --- The path ---

TEST_F(NotifyIntakeTest, ARemovedPathIsTakenBack) {
  EXPECT_FALSE(socket_.intake().has_lost_path());
  std::filesystem::remove(socket_.path());
  EXPECT_TRUE(socket_.intake().has_lost_path());
  ASSERT_TRUE(socket_.intake().rebind());
  EXPECT_FALSE(socket_.intake().has_lost_path());
  const Fd fresh = socket_.connected();
  ASSERT_GT(say(fresh.get(), "WATCHDOG=1"), 0);
  EXPECT_TRUE(socket_.next()) << "by the path";
  ASSERT_GT(say(sender_.get(), "WATCHDOG=1"), 0);
  EXPECT_TRUE(socket_.next()) << "by the former socket, to which it is connected";
  EXPECT_TRUE(socket_.intake().check_reach(now_ns()));
}

// Not while somebody receives there.
TEST_F(NotifyIntakeTest, APathThatAnotherSocketGotIsTakenBackAtItsEnd) {
  const std::string elsewhere = socket_.path() + ".new";
  Fd usurper(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(elsewhere);
  ASSERT_EQ(::bind(usurper.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                   sizeof(sockaddr_un)),
            0);
  std::filesystem::rename(elsewhere, socket_.path());
  EXPECT_TRUE(socket_.intake().has_lost_path());
  EXPECT_FALSE(socket_.intake().check_reach(now_ns()));
  EXPECT_FALSE(socket_.intake().rebind());
  usurper.reset();
  ASSERT_TRUE(socket_.intake().rebind());
  const Fd fresh = socket_.connected();
  ASSERT_GT(say(fresh.get(), "WATCHDOG=1"), 0);
  EXPECT_TRUE(socket_.next());
}

// Who is connected twice ago is told by the kernel that nobody is there.
TEST_F(NotifyIntakeTest, TheFormerSocketEndsAtTheNextLoss) {
  for (int n = 0; n < 2; ++n) {
    std::filesystem::remove(socket_.path());
    ASSERT_TRUE(socket_.intake().rebind());
  }
  EXPECT_EQ(say(sender_.get(), "WATCHDOG=1"), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

// --- A successor ---

class NotifySuccession : public ::testing::Test {
 protected:
  void say_nth(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t n = first; n <= last; ++n) {
      ASSERT_GT(say(sender_.get(), "ERRNO=" + std::to_string(n)), 0);
    }
  }
  static std::uint32_t next(intake::NotifySource& source) {
    const auto reception = source.next(now_ns());
    const auto* told = reception ? std::get_if<Notification>(&*reception) : nullptr;
    return told != nullptr ? told->message.error_number.value_or(0) : 0;
  }
  static std::vector<std::uint32_t> rest(intake::NotifySource& source) {
    std::vector<std::uint32_t> numbers;
    for (auto number = next(source); number != 0; number = next(source)) {
      numbers.push_back(number);
      source.handled();
    }
    return numbers;
  }

  NotifySocket socket_{with_notes(), true};
  Fd sender_ = socket_.connected();
};

TEST_F(NotifySuccession, WhatWasReadAndNotHandledIsReadAgain) {
  auto& source = socket_.intake().source();
  say_nth(1, 5);
  for (std::uint32_t n = 1; n <= 4; ++n) EXPECT_EQ(next(source), n);
  source.handled();
  source.handled();
  auto kept = socket_.program().keep();
  ASSERT_TRUE(kept);
  auto socket = socket_.intake().keep();
  ASSERT_TRUE(socket);
  socket_.lose_observer();
  say_nth(6, 6);
  auto program = kernel::StampProgram::adopt(std::move(kept).value(), with_notes());
  ASSERT_TRUE(program) << program.error().message;
  auto listener = UnixListener::adopt(std::move(socket).value(), socket_.place());
  ASSERT_TRUE(listener) << listener.error().message;
  auto intake =
      intake::NotifyIntake::go_on(*program.value(), std::move(listener).value(), socket_.path(),
                                  now_ns(), &program.value()->note_progress());
  ASSERT_TRUE(intake) << intake.error().message;
  auto& successor = intake.value()->source();
  EXPECT_EQ(rest(successor), (std::vector<std::uint32_t>{3, 4, 5, 6}));
  EXPECT_EQ(successor.messages(), 6U);
  EXPECT_EQ(successor.malformed(), 0U);
}

}  // namespace
}  // namespace hb::test
