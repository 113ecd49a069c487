// A successor adopts exactly what its predecessor has left, or is told why not.
#include "state/state_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

namespace hb {
namespace {

constexpr std::size_t kPage = 4096;
const std::string kBoot = "11111111-2222-3333-4444-555555555555";

StateMemory::Layout layout_of(std::uint64_t slots_bytes = 10000, std::uint32_t version = 1) {
  StateMemory::Layout layout;
  layout[StateRegion::Slots] = {.version = version, .bytes = slots_bytes};
  layout[StateRegion::Rests] = {.version = 1, .bytes = 100};
  layout[StateRegion::Thresholds] = {.version = 1, .bytes = 512};
  layout[StateRegion::Counters] = {.version = 1, .bytes = 8};
  return layout;
}

StateMemory made() {
  auto memory = StateMemory::create(
      layout_of(), {.boot_id = kBoot, .run_id = "0123456789abcdef", .start_ns = 7});
  EXPECT_TRUE(memory) << memory.error().message;
  return std::move(memory).value();
}

Fd copy_of(const StateMemory& memory) { return Fd(::fcntl(memory.fd(), F_DUPFD_CLOEXEC, 0)); }

// Why it is refused; empty: it is adopted.
std::string refusal(Fd fd, const StateMemory::Layout& layout = layout_of(),
                    const std::string& boot_id = kBoot, std::uint64_t now_ns = 8) {
  const auto adopted = StateMemory::adopt(std::move(fd), layout, boot_id, now_ns);
  return adopted ? "" : adopted.error().message;
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

TEST(StateMemory, IsAdoptedWithAllThatIsInIt) {
  const StateMemory first = made();
  first.region(StateRegion::Rests)[99] = std::byte{42};
  const auto second = StateMemory::adopt(copy_of(first), layout_of(), kBoot, 8);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second.value().region(StateRegion::Rests)[99], std::byte{42});
  EXPECT_EQ(second.value().region(StateRegion::Slots).size(), 10000U);
  EXPECT_EQ(second.value().origin().run_id, "0123456789abcdef");
  EXPECT_EQ(second.value().origin().start_ns, 7U);
}

// Two observers at once would both write it. Whoever is killed lets go of it.
TEST(StateMemory, IsClaimedByOneProcessAtATime) {
  const StateMemory memory = made();
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const Fd reader(ready[0]);
  Fd writer(ready[1]);
  const pid_t other = ::fork();
  if (other == 0) {
    const bool is_claimed = static_cast<bool>(memory.claim());
    if (::write(writer.get(), is_claimed ? "y" : "n", 1) == 1) ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(reader.get(), &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto refused = memory.claim();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EBUSY);
  EXPECT_TRUE(says(refused.error().message, std::to_string(other))) << refused.error().message;
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_TRUE(memory.claim());
}

TEST(StateMemory, RefusesAnotherBoot) {
  EXPECT_TRUE(says(refusal(copy_of(made()), layout_of(), "another"), "another boot"));
}

TEST(StateMemory, RefusesAStartInTheFuture) {
  EXPECT_TRUE(says(refusal(copy_of(made()), layout_of(), kBoot, 6), "future"));
}

TEST(StateMemory, RefusesAnotherVersionOfARegion) {
  EXPECT_TRUE(says(refusal(copy_of(made()), layout_of(10000, 2)), "version 1, ours is 2"));
}

TEST(StateMemory, RefusesAnotherCapacity) {
  EXPECT_TRUE(says(refusal(copy_of(made()), layout_of(20000)), "10000 bytes, ours 20000"));
  EXPECT_TRUE(says(refusal(copy_of(made()), layout_of(9999)), "10000 bytes, ours 9999"));
}

TEST(StateMemory, RefusesWhatIsNoMemfdOrNotSealed) {
  EXPECT_TRUE(says(refusal(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC))), "no memfd"));
  EXPECT_TRUE(says(refusal(Fd()), "no memfd"));
  EXPECT_TRUE(
      says(refusal(Fd(::memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING))), "not sealed"));
}

// Nobody else who holds the descriptor may make our accesses fault.
TEST(StateMemory, CannotBeTruncated) {
  const StateMemory memory = made();
  EXPECT_NE(::ftruncate(memory.fd(), 0), 0);
}

TEST(StateMemory, RefusesAHeaderInWhichAnyByteIsAltered) {
  const StateMemory memory = made();
  auto* header = static_cast<std::byte*>(
      ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0));
  ASSERT_NE(header, MAP_FAILED);
  constexpr std::size_t kHeader_bytes = 160;
  for (std::size_t n = 0; n < kHeader_bytes; ++n) {
    for (const std::byte flip : {std::byte{0xFF}, std::byte{1}, std::byte{0x80}}) {
      header[n] ^= flip;
      EXPECT_NE(refusal(copy_of(memory)), "") << "byte " << n;
      header[n] ^= flip;
    }
  }
  EXPECT_EQ(refusal(copy_of(memory)), "");
  ::munmap(header, kPage);
}

}  // namespace
}  // namespace hb
