// What a source and a watch of exits had in hand when their process was killed, the next ones begin
// with.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "intake/ring_exits.hpp"
#include "intake/ring_source.hpp"
#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class NoReceiver final : public Receiver {
 public:
  Result<std::size_t> receive(std::span<Datagram> /*batch*/) override { return std::size_t{0}; }
};

class RingSuccession : public ::testing::Test {
 protected:
  // Frames that are told apart by their last byte.
  void send(std::uint8_t first, std::uint8_t last) {
    for (std::uint8_t n = first; n <= last; ++n) {
      Frame frame = own_frame();
      frame.back() = static_cast<char>(n);
      ASSERT_EQ(send_frame(sender_.get(), frame), ssize_t{HB_FRAME_BYTES});
    }
  }

  intake::RingSource source_on(kernel::StampProgram& program) {
    return {program, receiver_, by_ring(), now_ns(), &program.progress()};
  }

  static int next(intake::RingSource& source) {
    const auto reception = source.next(now_ns());
    const auto* arrival = reception ? std::get_if<Arrival>(&*reception) : nullptr;
    return arrival != nullptr ? arrival->bytes.back() : -1;
  }

  static std::vector<int> rest(intake::RingSource& source) {
    std::vector<int> frames;
    for (int frame = next(source); frame >= 0; frame = next(source)) {
      frames.push_back(frame);
      source.handled();
    }
    return frames;
  }

  std::unique_ptr<kernel::StampProgram> adopted() {
    auto kept = socket_.program().keep();
    EXPECT_TRUE(kept) << kept.error().message;
    socket_.lose_program();
    auto program = kernel::StampProgram::adopt(std::move(kept).value(), by_ring());
    EXPECT_TRUE(program) << program.error().message;
    return std::move(program).value();
  }

  AttestedSocket socket_{by_ring()};
  Fd sender_ = socket_.connected();
  NoReceiver receiver_;
};

TEST_F(RingSuccession, FramesThatWereReadAndNotHandledAreReadAgain) {
  {
    auto source = source_on(socket_.program());
    send(1, 5);
    for (int n = 1; n <= 4; ++n) EXPECT_EQ(next(source), n);
    source.handled();
    source.handled();
  }
  send(6, 6);
  const auto program = adopted();
  auto source = source_on(*program);
  EXPECT_EQ(source.horizon_ns(), 0U) << "what waits was sent before its start";
  EXPECT_EQ(rest(source), (std::vector<int>{3, 4, 5, 6}));
  EXPECT_GT(source.horizon_ns(), 0U);
  EXPECT_EQ(source.counters().correlator.stamps, 6U);
  EXPECT_EQ(source.counters().kernel.stamps, 6U);
}

TEST_F(RingSuccession, ReadFramesKeepTheirPlaceInTheRingUntilTheyAreHandled) {
  auto source = source_on(socket_.program());
  std::uint64_t sent = 0;
  for (; send_frame(sender_.get(), own_frame()) == HB_FRAME_BYTES; ++sent) {
    if (socket_.program().counters().drops[HB_DROP_RING_FULL] != 0) break;
  }
  // The ring is full, and stays so while nothing is handled.
  for (int n = 0; n < 16; ++n) EXPECT_GE(next(source), 0);
  const auto lost = [&] { return socket_.program().counters().drops[HB_DROP_RING_FULL]; };
  const auto before = lost();
  send_frame(sender_.get(), own_frame());
  EXPECT_EQ(lost(), before + 1);
  for (int n = 0; n < 16; ++n) source.handled();
  EXPECT_EQ(rest(source).size() + 16, sent);
  send_frame(sender_.get(), own_frame());
  EXPECT_EQ(lost(), before + 1);
}

TEST_F(RingSuccession, AnExitInHandIsToldByTheNext) {
  if (socket_.program().exits() == nullptr) GTEST_SKIP() << "exits are not traced here";
  Child agent = Child::run([&] { send_frame(sender_.get(), own_frame()); });
  const auto pid = static_cast<std::uint32_t>(agent.pid());
  agent.wait();
  {
    intake::RingExits exits(*socket_.program().exits(), &socket_.program().progress());
    ASSERT_NE(exits.front(), nullptr);
    EXPECT_EQ(exits.front()->pid, pid);
    exits.take();
  }
  const auto program = adopted();
  {
    intake::RingExits exits(*program->exits(), &program->progress());
    ASSERT_NE(exits.front(), nullptr);
    EXPECT_EQ(exits.front()->pid, pid);
    exits.take();
    EXPECT_EQ(exits.front(), nullptr);
  }
  intake::RingExits third(*program->exits(), &program->progress());
  EXPECT_EQ(third.front(), nullptr) << "it was told";
}

// Killed between the note and the release of its record in the ring.
TEST_F(RingSuccession, AnExitThatIsInHandAndInTheRingIsToldOnce) {
  if (socket_.program().exits() == nullptr) GTEST_SKIP() << "exits are not traced here";
  Child agent = Child::run([&] { send_frame(sender_.get(), own_frame()); });
  agent.wait();
  const auto record = socket_.program().exits()->front();
  ASSERT_TRUE(record);
  hb_progress& progress = socket_.program().progress();
  progress.exit = *kernel::record_as<hb_exit>(*record);
  progress.has_exit = 1;
  intake::RingExits exits(*socket_.program().exits(), &progress);
  ASSERT_NE(exits.front(), nullptr);
  exits.take();
  EXPECT_EQ(exits.front(), nullptr);
}

}  // namespace
}  // namespace hb::test
