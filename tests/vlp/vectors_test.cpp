// userspace/vlp/vectors.json, which other implementations read too: frames, sealed datagrams, what
// is refused, and sequences of datagrams. A second implementation made them (Python's
// cryptography).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "secure/agent_keys.hpp"
#include "secure/secure_wrapping.hpp"
#include "tests/secure/secure_bytes.hpp"
#include "vlp/crc32c.hpp"

namespace hb::secure {
namespace {

using Json = nlohmann::json;

const Json& vectors() {
  static const Json all = Json::parse(std::ifstream(HB_VECTORS));
  return all;
}

// No test may pass because its list is missing or empty.
const Json& list(const Json& from, const char* name) {
  const Json& found = from.at(name);
  EXPECT_FALSE(found.empty()) << name;
  return found;
}

Bytes bytes_at(const Json& object, const char* name) {
  return from_hex(object.at(name).get<std::string>());
}

vlp::Bytes frame_at(const Json& object, const char* name) {
  const Bytes bytes = bytes_at(object, name);
  vlp::Bytes frame{};
  EXPECT_EQ(bytes.size(), frame.size()) << object;
  if (bytes.size() == frame.size()) std::copy(bytes.begin(), bytes.end(), frame.begin());
  return frame;
}

Key key_at(const Json& object, const char* name) {
  const Bytes bytes = bytes_at(object, name);
  Key key;
  EXPECT_EQ(bytes.size(), Key::kBytes) << object;
  if (bytes.size() == Key::kBytes) std::copy(bytes.begin(), bytes.end(), key.bytes().begin());
  return key;
}

std::uint64_t number_at(const Json& object, const char* name) {
  return std::stoull(object.at(name).get<std::string>());
}

vlp::Status status_named(const std::string& name) {
  for (const auto status : {vlp::Status::Ok, vlp::Status::Degraded, vlp::Status::Critical}) {
    if (name == vlp::name(status)) return status;
  }
  ADD_FAILURE() << "there is no status " << name;
  return vlp::Status::Ok;
}

vlp::Frame meaning_of(const Json& fields) {
  return {.status = status_named(fields.at("status")),
          .pid = fields.at("pid"),
          .timestamp = number_at(fields, "timestamp"),
          .nonce = number_at(fields, "nonce"),
          .payload = fields.at("payload")};
}

TEST(Vectors, OfCrc32c) {
  for (const Json& one : list(vectors(), "crc32c")) {
    const Bytes digits = bytes_at(one, "crc32c");
    std::uint32_t expected = 0;
    for (const std::uint8_t byte : digits) expected = expected << 8 | byte;
    EXPECT_EQ(vlp::crc32c(bytes_at(one, "bytes")), expected) << one;
  }
}

TEST(Vectors, OfFramesDecodeToTheirFieldsAndEncodeToTheirBytes) {
  std::size_t frames = 0;
  for (const Json& one : list(vectors(), "frames")) {
    if (!one.contains("frame")) continue;
    const vlp::Bytes bytes = frame_at(one, "bytes");
    const vlp::Frame expected = meaning_of(one.at("frame"));
    EXPECT_EQ(vlp::decode(bytes), (std::variant<vlp::Frame, vlp::DecodeError>(expected))) << one;
    EXPECT_EQ(to_hex(vlp::encode(expected)), to_hex(bytes)) << one;
    ++frames;
  }
  EXPECT_GT(frames, 0U);
}

TEST(Vectors, OfFramesThatAreNoneDecodeToTheirErrorAndEveryErrorIsThere) {
  std::set<std::string> seen;
  for (const Json& one : list(vectors(), "frames")) {
    if (!one.contains("error")) continue;
    const auto decoded = vlp::decode(frame_at(one, "bytes"));
    const auto* error = std::get_if<vlp::DecodeError>(&decoded);
    ASSERT_NE(error, nullptr) << one;
    EXPECT_EQ(vlp::name(*error), one.at("error").get<std::string>()) << one;
    seen.insert(vlp::name(*error));
  }
  EXPECT_EQ(seen.size(), vlp::kDecodeErrors);
}

FrameSealer::Start start_of(const Json& one) {
  const Bytes iv = bytes_at(one, "iv_random");
  FrameSealer::Start start;
  EXPECT_EQ(iv.size(), kIvRandomBytes) << one;
  if (iv.size() != kIvRandomBytes) return start;
  start.iv_random = read_le<std::uint64_t>(std::span(iv).first<kIvRandomBytes>());
  start.iv_counter = one.at("iv_counter");
  return start;
}

bool is_master(const Json& one) { return one.at("form") == "master"; }

FrameSealer sealer_of(const Json& one) {
  if (!is_master(one)) {
    return FrameSealer::with_shared_key(key_at(one, "key"), start_of(one)).value();
  }
  return FrameSealer::with_master_key(key_at(one, "key"), one.at("agent_pid"), start_of(one))
      .value();
}

FrameOpener opener_of(const Json& one) {
  Keys keys;
  (is_master(one) ? keys.master : keys.shared) = key_at(one, "key");
  return FrameOpener::with(std::move(keys)).value();
}

TEST(Vectors, OfSealedFramesSealToTheirDatagrams) {
  for (const Json& one : list(vectors(), "sealed")) {
    FrameSealer sealer = sealer_of(one);
    EXPECT_EQ(to_hex(sealed(sealer, frame_at(one, "frame"))), one.at("datagram").get<std::string>())
        << one;
  }
}

TEST(Vectors, OfSealedFramesOpenToTheirFrames) {
  for (const Json& one : list(vectors(), "sealed")) {
    FrameOpener opener = opener_of(one);
    const auto result = opener.open(bytes_at(one, "datagram"));
    const auto* opened = std::get_if<Opened>(&result);
    ASSERT_NE(opened, nullptr) << one;
    EXPECT_EQ(to_hex(opened->frame), one.at("frame").get<std::string>()) << one;
    EXPECT_EQ(opened->iv_random, start_of(one).iv_random) << one;
    EXPECT_EQ(opened->iv_counter, start_of(one).iv_counter) << one;
    if (is_master(one)) {
      EXPECT_EQ(opened->agent_pid, one.at("agent_pid").get<std::uint32_t>()) << one;
    }
  }
}

TEST(Vectors, OfMasterKeysDeriveTheAgentsKeys) {
  std::size_t derived = 0;
  for (const Json& one : list(vectors(), "sealed")) {
    if (!is_master(one)) continue;
    auto keys = AgentKeys::of(key_at(one, "key"));
    ASSERT_TRUE(keys);
    const Key* key = keys.value().of_agent(one.at("agent_pid"));
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(to_hex(key->bytes()), one.at("agent_key").get<std::string>()) << one;
    ++derived;
  }
  EXPECT_GT(derived, 0U);
}

// An observer that has just been started, with both keys.
std::unique_ptr<SecureWrapping> observer_with(const Json& given) {
  Keys keys;
  keys.shared = key_at(given, "shared_key");
  keys.master = key_at(given, "master_key");
  return SecureWrapping::with(std::move(keys), {.max_senders = 8, .live_ns = 1'000, .seed = 1})
      .value();
}

std::string answer(SecureWrapping& observer, const Json& one) {
  const auto unwrapped = observer.unwrap(bytes_at(one, "datagram"), kThisHost, 1);
  const auto* reason = std::get_if<FrameDrop>(&unwrapped);
  return reason != nullptr ? name(*reason) : "accepted";
}

TEST(Vectors, OfRefusedDatagramsAreRefusedForTheirReason) {
  const Json& given = vectors().at("refused");
  for (const Json& one : list(given, "datagrams")) {
    EXPECT_EQ(answer(*observer_with(given), one), one.at("reason").get<std::string>()) << one;
  }
}

TEST(Vectors, OfSequencesAreAnsweredOneAfterTheOther) {
  const Json& given = vectors().at("sequences");
  for (const Json& sequence : list(given, "sequences")) {
    const auto observer = observer_with(given);
    std::size_t number = 0;
    for (const Json& one : list(sequence, "datagrams")) {
      EXPECT_EQ(answer(*observer, one), one.at("answer").get<std::string>())
          << sequence.at("note") << ", datagram " << number;
      ++number;
    }
  }
}

}  // namespace
}  // namespace hb::secure
