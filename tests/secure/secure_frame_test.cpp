// The secure wrapping of a frame: against vectors, and against everything that could be altered.
#include <gtest/gtest.h>

#include <algorithm>

#include "secure/agent_keys.hpp"
#include "secure/frame_opener.hpp"
#include "tests/secure/secure_bytes.hpp"

namespace hb::secure {
namespace {

constexpr const char* kPlain = "5641020002000000e80300000000000001000000000000000000000055d0861c";
constexpr const char* kSealed =
    "112233445566778800000000bcba1b202190b688a08e0a7ac909da44a2023cb7a421fd6428453fd12141c257b6fd"
    "638c55fddf5c621020de1327975a";
constexpr FrameSealer::Start kStart{0x8877665544332211, 0};  // 11 22 33 ... on the wire

vlp::Bytes plain() {
  vlp::Bytes frame{};
  const Bytes bytes = from_hex(kPlain);
  std::copy(bytes.begin(), bytes.end(), frame.begin());
  return frame;
}

FrameOpener opener(bool shared, bool master, std::uint8_t key = 0) {
  Keys keys;
  if (shared) keys.shared = key_from(key);
  if (master) keys.master = key_from(key);
  return FrameOpener::with(std::move(keys)).value();
}

// "wrong_length", "decrypt_failed", or "opened".
std::string try_open(FrameOpener& opener, const Bytes& datagram) {
  const auto result = opener.open(datagram);
  const auto* dropped = std::get_if<FrameDrop>(&result);
  return dropped != nullptr ? name(*dropped) : "opened";
}

Bytes shared_datagram() {
  FrameSealer sealer = shared_sealer(kStart);
  return sealed(sealer, plain());
}

Bytes master_datagram() {
  FrameSealer sealer = master_sealer(2, kStart);
  return sealed(sealer, plain());
}

TEST(SecureFrame, IsSealedAsTheVectorSays) { EXPECT_EQ(to_hex(shared_datagram()), kSealed); }

TEST(SecureFrame, IsOpenedFromTheVector) {
  FrameOpener observer = opener(true, false);
  const auto result = observer.open(from_hex(kSealed));
  const auto* opened = std::get_if<Opened>(&result);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(to_hex(opened->frame), kPlain);
  EXPECT_EQ(opened->key, KeyKind::Shared);
  EXPECT_EQ(opened->iv_random, kStart.iv_random);
  EXPECT_EQ(opened->iv_counter, 0U);
}

TEST(SecureFrame, AnAgentsKeyIsDerivedAsTheVectorSays) {
  auto keys = AgentKeys::of(key_from());
  ASSERT_TRUE(keys);
  const Key* key = keys.value().of_agent(2);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(to_hex(key->bytes()),
            "db292f5843a0737aec785a9df270561b343d06e5fe8f89fce72f0869ba77afd5");
}

// Keys are kept by pid modulo the size of the table; 2 and 1026 share a place in it.
TEST(SecureFrame, AnAgentsKeyIsItsOwnWhoeverWasAskedForBefore) {
  auto keys = AgentKeys::of(key_from());
  ASSERT_TRUE(keys);
  const std::string first = to_hex(keys.value().of_agent(2)->bytes());
  const std::string other = to_hex(keys.value().of_agent(1026)->bytes());
  EXPECT_NE(first, other);
  EXPECT_EQ(to_hex(keys.value().of_agent(2)->bytes()), first);
  EXPECT_EQ(to_hex(keys.value().of_agent(1026)->bytes()), other);
}

TEST(SecureFrame, WithTheMasterKeyIsOpenedWithTheAgentsOwn) {
  const Bytes datagram = master_datagram();
  ASSERT_EQ(datagram.size(), kMasterBytes);
  EXPECT_EQ(to_hex(std::span(datagram).first(12)), "020000001122334455667788");
  FrameOpener observer = opener(false, true);
  const auto result = observer.open(datagram);
  const auto* opened = std::get_if<Opened>(&result);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(to_hex(opened->frame), kPlain);
  EXPECT_EQ(opened->key, KeyKind::Master);
  EXPECT_EQ(opened->agent_pid, 2U);
}

TEST(SecureFrame, WithAnyBitChangedIsRefused) {
  FrameOpener observer = opener(true, true);
  for (const Bytes& datagram : {shared_datagram(), master_datagram()}) {
    ASSERT_EQ(try_open(observer, datagram), "opened");
    for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
      Bytes changed = datagram;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_EQ(try_open(observer, changed), "decrypt_failed") << datagram.size() << ", " << bit;
    }
    EXPECT_EQ(try_open(observer, datagram), "opened") << "and nothing of that stays";
  }
}

TEST(SecureFrame, OfAnyOtherLengthIsNone) {
  FrameOpener observer = opener(true, true);
  Bytes longest = master_datagram();
  longest.push_back(0);
  for (std::size_t length = 0; length <= longest.size(); ++length) {
    if (length == kSharedBytes || length == kMasterBytes) continue;
    const Bytes cut(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(try_open(observer, cut), "wrong_length") << length;
  }
}

TEST(SecureFrame, CutToTheOtherFormsLengthIsRefused) {
  FrameOpener observer = opener(true, true);
  Bytes cut = master_datagram();
  cut.resize(kSharedBytes);
  EXPECT_EQ(try_open(observer, cut), "decrypt_failed");
  const Bytes datagram = master_datagram();
  const Bytes without_pid(datagram.begin() + kAgentPidBytes, datagram.end());
  EXPECT_EQ(try_open(observer, without_pid), "decrypt_failed");
}

TEST(SecureFrame, SealedWithAnotherKeyIsRefused) {
  FrameOpener observer = opener(true, true, 1);
  EXPECT_EQ(try_open(observer, shared_datagram()), "decrypt_failed");
  EXPECT_EQ(try_open(observer, master_datagram()), "decrypt_failed");
}

TEST(SecureFrame, OfAFormWhoseKeyWasNotGivenHasTheWrongLength) {
  FrameOpener only_shared = opener(true, false);
  FrameOpener only_master = opener(false, true);
  EXPECT_EQ(try_open(only_shared, master_datagram()), "wrong_length");
  EXPECT_EQ(try_open(only_master, shared_datagram()), "wrong_length");
}

TEST(SecureFrame, InPlaintextIsNoneToAnObserverWithKeys) {
  FrameOpener observer = opener(true, true);
  EXPECT_EQ(try_open(observer, from_hex(kPlain)), "wrong_length");
}

// One agent's key must not make it another agent.
TEST(SecureFrame, OfOneAgentIsRefusedUnderAnothersPid) {
  FrameOpener observer = opener(false, true);
  Bytes datagram = master_datagram();
  datagram[0] = 3;
  EXPECT_EQ(try_open(observer, datagram), "decrypt_failed");
}

TEST(SecureFrame, ThatIsRefusedLeavesNoPlainTextBehind) {
  auto aead = Aead::make();
  ASSERT_TRUE(aead);
  const Bytes datagram = shared_datagram();
  const std::span<const std::uint8_t, kSharedBytes> all(datagram.data(), kSharedBytes);
  Bytes plain_text(vlp::kFrameBytes, 0xAA);
  std::array<std::uint8_t, Aead::kTagBytes> wrong_tag{};
  EXPECT_FALSE(aead.value().open(key_from(), all.first<Aead::kNonceBytes>(), {},
                                 all.subspan<Aead::kNonceBytes, vlp::kFrameBytes>(), wrong_tag,
                                 plain_text));
  EXPECT_EQ(plain_text, Bytes(vlp::kFrameBytes, 0));
}

TEST(Sealer, NeverUsesANonceTwice) {
  FrameSealer sealer = shared_sealer(kStart);
  const Bytes first = sealed(sealer, plain());
  const Bytes second = sealed(sealer, plain());
  EXPECT_EQ(to_hex(std::span(first).first(12)), "112233445566778800000000");
  EXPECT_EQ(to_hex(std::span(second).first(12)), "112233445566778801000000");
}

TEST(Sealer, RefusesToCountOverTheEnd) {
  FrameSealer sealer = shared_sealer({1, 0xFFFFFFFE});
  EXPECT_TRUE(sealer.seal(plain()));
  EXPECT_TRUE(sealer.seal(plain()));
  EXPECT_FALSE(sealer.seal(plain()));
  EXPECT_FALSE(sealer.seal(plain()));
}

TEST(Sealer, BeginsEverySessionWithAnotherRandomNumber) {
  const auto one = FrameSealer::random_start();
  const auto other = FrameSealer::random_start();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one.value().iv_random, other.value().iv_random);
  EXPECT_EQ(one.value().iv_counter, 0U);
}

TEST(KeyBytes, AreWipedWhenMoved) {
  Key key = key_from(7);
  const Key moved = std::move(key);
  EXPECT_EQ(moved.bytes()[0], 7);
  EXPECT_TRUE(std::all_of(key.bytes().begin(), key.bytes().end(),  // NOLINT(*-use-after-move)
                          [](std::uint8_t byte) { return byte == 0; }));
}

}  // namespace
}  // namespace hb::secure
