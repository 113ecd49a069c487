// What is taken over by LISTEN_FDS, and what is refused. Each case runs in a child, as descriptors
// have to stand at 3 and above.
#include "keep/inherited.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "tests/support/child.hpp"

namespace hb::keep {
namespace {

using test::Child;

// In a child: memory that can be told apart by its size, at the descriptors from 3 on.
void open_from_three(int count) {
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  for (int i = 0; i < count; ++i) {
    const int fd = ::memfd_create("kept", 0);
    if (fd != 3 + i || ::ftruncate(fd, 100 + i) != 0) ::_exit(9);
  }
}

void pass(const std::string& count, const char* names) {
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", count.c_str(), 1);
  if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

// Whether `holds` does in a child.
bool in_a_child(const std::function<bool()>& holds) {
  Child child = Child::run([&] { ::_exit(holds() ? 0 : 1); });
  return child.wait() == 0;
}

// Whether that is refused because of `why`, and closed.
bool is_refused(int open, const std::string& count, const char* names, const std::string& why) {
  return in_a_child([&] {
    open_from_three(open);
    pass(count, names);
    const auto taken = take_inherited();
    return !taken && taken.error().message.find(why) != std::string::npos && !is_open(3);
  });
}

TEST(Inherited, AreTakenInOrderUnderTheirNames) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(2);
    pass("2", "socket:ring 1");
    const auto taken = take_inherited();
    if (!taken || taken.value().size() != 2) return false;
    const NamedFd& first = taken.value()[0];
    const NamedFd& second = taken.value()[1];
    return first.name == "socket" && second.name == "ring 1" && first.fd.get() == 3 &&
           second.fd.get() == 4;
  }));
}

TEST(Inherited, AreNotInheritedFurther) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(2);
    pass("2", "a:b");
    const auto taken = take_inherited();
    const bool is_gone = std::getenv("LISTEN_PID") == nullptr &&
                         std::getenv("LISTEN_FDS") == nullptr &&
                         std::getenv("LISTEN_FDNAMES") == nullptr;
    return taken && is_gone && ::fcntl(3, F_GETFD) == FD_CLOEXEC &&
           ::fcntl(4, F_GETFD) == FD_CLOEXEC;
  }));
}

TEST(Inherited, AreUnknownWithoutNames) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(1);
    pass("1", nullptr);
    const auto taken = take_inherited();
    return taken && taken.value().size() == 1 && taken.value()[0].name == "unknown";
  }));
}

TEST(Inherited, AreNoneWhereNothingWasPassed) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(1);
    const auto taken = take_inherited();
    return taken && taken.value().empty() && is_open(3);
  }));
}

TEST(Inherited, OfAnotherProcessAreLeftAlone) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(1);
    pass("1", "a");
    ::setenv("LISTEN_PID", std::to_string(::getppid()).c_str(), 1);
    const auto taken = take_inherited();
    return taken && taken.value().empty() && is_open(3) && std::getenv("LISTEN_FDS") == nullptr;
  }));
}

TEST(Inherited, MayBeAsManyAsAreKept) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(64);
    pass("64", nullptr);
    const auto taken = take_inherited();
    return taken && taken.value().size() == 64;
  }));
}

TEST(Inherited, AreRefusedWhenTheyAreTooMany) {
  EXPECT_TRUE(is_refused(65, "65", nullptr, "at most 64"));
  EXPECT_TRUE(is_refused(2, "2147483647", nullptr, "at most 64"));
}

TEST(Inherited, AreRefusedWhenTheNumberIsNone) {
  for (const char* count : {"", "x", "-1", "1x", " 1", "99999999999"}) {
    EXPECT_TRUE(in_a_child([&] {
      open_from_three(1);
      pass(count, nullptr);
      return !take_inherited();
    })) << count;
  }
}

TEST(Inherited, AreRefusedWhenThePidIsNone) {
  EXPECT_TRUE(in_a_child([] {
    open_from_three(1);
    pass("1", nullptr);
    ::setenv("LISTEN_PID", "self", 1);
    return !take_inherited();
  }));
}

TEST(Inherited, AreRefusedWhenANameIsNone) {
  const std::string long_name(256, 'n');
  EXPECT_TRUE(is_refused(2, "2", "a:", "name that is none"));
  EXPECT_TRUE(is_refused(2, "2", "a:b\n", "name that is none"));
  EXPECT_TRUE(is_refused(1, "1", long_name.c_str(), "name that is none"));
}

TEST(Inherited, AreRefusedWhenNamesAreMissingOrLeftOver) {
  EXPECT_TRUE(is_refused(2, "2", "a", "as many names"));
  EXPECT_TRUE(is_refused(2, "2", "a:b:c", "as many names"));
}

TEST(Inherited, AreAllClosedWhenOneIsNotOpen) {
  EXPECT_TRUE(is_refused(2, "3", "a:b:c", "descriptor 5 is not open"));
}

}  // namespace
}  // namespace hb::keep
