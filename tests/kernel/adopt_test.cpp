// A successor goes on with a kernel program whose observer is gone, without any privilege, and only
// with one that is as it wants it and that is on the socket.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class Adopt : public ::testing::Test {
 protected:
  kernel::StampProgram::Kept keep() {
    auto kept = socket_.program().keep();
    EXPECT_TRUE(kept) << kept.error().message;
    return std::move(kept).value();
  }

  // Why it is refused; empty: it is not.
  static std::string problem(kernel::StampProgram::Kept kept, const kernel::Config& config) {
    const auto adopted = kernel::StampProgram::adopt(std::move(kept), config);
    return adopted ? "" : adopted.error().message;
  }

  static Result<> send_echo(kernel::StampProgram& program, int sender) {
    const auto frame = program.begin_echo();
    if (!frame) return frame.error();
    ::send(sender, frame.value().data(), frame.value().size(), MSG_NOSIGNAL);
    return program.end_echo(frame.value());
  }

  AttestedSocket socket_{by_ring()};
  Fd sender_ = socket_.connected();
};

TEST_F(Adopt, ReadsWhatWaitsAndGoesOnWithoutPrivilege) {
  auto kept = keep();
  send_frame(sender_.get(), own_frame());
  socket_.lose_program();
  send_frame(sender_.get(), own_frame());
  Child successor = Child::run([&] {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(70);
    auto adopted = kernel::StampProgram::adopt(std::move(kept), by_ring());
    if (!adopted) ::_exit(71);
    kernel::StampProgram& program = *adopted.value();
    if (!send_echo(program, sender_.get())) ::_exit(72);
    send_frame(sender_.get(), own_frame());
    int frames = 0;
    int echoes = 0;
    program.ring().drain([&](std::span<const std::byte> record) {
      const auto stamp = kernel::record_as<hb_stamp>(record);
      if (!stamp) return;
      ++((stamp->flags & HB_STAMP_SELF_BEAT) != 0 ? echoes : frames);
    });
    if (frames != 3 || echoes != 1) ::_exit(73);
    const hb_counters counters = program.counters();
    if (counters.attempts != 3 || counters.stamps != 3) ::_exit(74);
  });
  EXPECT_EQ(successor.wait(), 0);
}

TEST_F(Adopt, ExitsAreTracedStill) {
  if (socket_.program().exits() == nullptr) GTEST_SKIP() << "exits are not traced here";
  auto kept = keep();
  socket_.lose_program();
  Child agent = Child::run([&] { send_frame(sender_.get(), own_frame()); });
  const auto pid = static_cast<std::uint32_t>(agent.pid());
  EXPECT_EQ(agent.wait(), 0);
  auto adopted = kernel::StampProgram::adopt(std::move(kept), by_ring());
  ASSERT_TRUE(adopted) << adopted.error().message;
  ASSERT_NE(adopted.value()->exits(), nullptr);
  int exits = 0;
  adopted.value()->exits()->drain([&](std::span<const std::byte> record) {
    const auto gone = kernel::record_as<hb_exit>(record);
    if (gone && gone->tgid == pid) ++exits;
  });
  EXPECT_EQ(exits, 1);
}

TEST_F(Adopt, AnotherConfigurationIsRefusedByName) {
  kernel::Config other = by_ring();
  other.ring_bytes *= 2;
  EXPECT_NE(problem(keep(), other).find("--ring-bytes"), std::string::npos);
  other = by_ring();
  other.max_beat_rate = 7;
  EXPECT_NE(problem(keep(), other).find("--max-beat-rate"), std::string::npos);
  EXPECT_NE(problem(keep(), kernel::Config{}).find("--delivery"), std::string::npos);
  EXPECT_EQ(problem(keep(), by_ring()), "");
}

TEST_F(Adopt, MissingAndExchangedDescriptorsAreRefused) {
  auto lacking = keep();
  lacking.erase("hb-stamps");
  EXPECT_NE(problem(std::move(lacking), by_ring()).find("not all"), std::string::npos);
  auto exchanged = keep();
  std::swap(exchanged.at("hb-globals"), exchanged.at("hb-senders"));
  EXPECT_NE(problem(std::move(exchanged), by_ring()), "");
}

// The program's variables, mapped once more.
class Variables {
 public:
  explicit Variables(int fd) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    for (bytes_ = 64 * page; bytes_ > 0; bytes_ -= page) {
      memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (memory_ != MAP_FAILED) return;
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  ~Variables() { ::munmap(memory_, bytes_); }

  // nullptr: there is none.
  [[nodiscard]] hb_heritage* heritage() const {
    for (std::size_t at = 0; at + sizeof(hb_heritage) <= bytes_; at += alignof(hb_heritage)) {
      auto* found = reinterpret_cast<hb_heritage*>(static_cast<char*>(memory_) + at);
      if (found->magic == HB_HERITAGE_MAGIC) return found;
    }
    return nullptr;
  }

 private:
  std::size_t bytes_ = 0;
  void* memory_ = MAP_FAILED;
};

// As that of another release would be.
TEST_F(Adopt, AnotherLayoutIsRefused) {
  auto kept = keep();
  const Variables variables(kept.at("hb-globals").get());
  hb_heritage* heritage = variables.heritage();
  ASSERT_NE(heritage, nullptr);
  ++heritage->layout;
  EXPECT_NE(problem(std::move(kept), by_ring()).find("another version"), std::string::npos);
  --heritage->layout;
  ++heritage->stamp_version;
  EXPECT_NE(problem(keep(), by_ring()).find("another version"), std::string::npos);
  --heritage->stamp_version;
  EXPECT_EQ(problem(keep(), by_ring()), "");
}

// A socket with another program, or with none, is not taken for the one that was kept.
TEST_F(Adopt, AnotherSocketGivesNoEcho) {
  auto adopted = kernel::StampProgram::adopt(keep(), by_ring());
  ASSERT_TRUE(adopted) << adopted.error().message;
  Fd receiver;
  Fd sender;
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  receiver.reset(pair[0]);
  sender.reset(pair[1]);
  EXPECT_FALSE(send_echo(*adopted.value(), sender.get()));
  EXPECT_TRUE(send_echo(*adopted.value(), sender_.get()));
}

// The secret is good for one echo: whoever has seen it cannot send self-beats.
TEST_F(Adopt, AnEchoIsExpectedOnlyOnce) {
  auto adopted = kernel::StampProgram::adopt(keep(), by_ring());
  ASSERT_TRUE(adopted) << adopted.error().message;
  const auto frame = adopted.value()->begin_echo();
  ASSERT_TRUE(frame);
  ::send(sender_.get(), frame.value().data(), frame.value().size(), 0);
  ASSERT_TRUE(adopted.value()->end_echo(frame.value()));
  const std::uint64_t seen = adopted.value()->self_beats();
  Child other =
      Child::run([&] { ::send(sender_.get(), frame.value().data(), frame.value().size(), 0); });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(adopted.value()->self_beats(), seen);
}

TEST(AdoptSocketDelivery, IsNotKept) {
  AttestedSocket socket;
  if (socket.program().delivery() == kernel::Delivery::Ring) GTEST_SKIP() << "by ring here";
  EXPECT_FALSE(socket.program().keep());
}

}  // namespace
}  // namespace hb::test
