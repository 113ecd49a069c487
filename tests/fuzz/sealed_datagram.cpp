// Secure UDP: only what was sealed with the key is opened, it is opened to what was sealed, and a
// frame is accepted once, whatever is recorded, altered and sent again.
#include <array>
#include <set>
#include <vector>

#include "secure/secure_wrapping.hpp"
#include "tests/fuzz/input.hpp"
#include "vlp/frame.hpp"

namespace hb::fuzz {
namespace {

using namespace secure;  // NOLINT(google-build-using-namespace)
using Bytes = std::vector<std::uint8_t>;
using Outcome = std::variant<FrameBytes, FrameDrop>;

constexpr std::size_t kSenders = 3;
constexpr std::uint64_t kLive_ns = 100;

Key key_of(std::uint8_t byte) {
  std::array<std::uint8_t, Key::kBytes> bytes{};
  bytes.fill(byte);
  return Key(bytes);
}

struct Sealed {
  KeyKind key = KeyKind::Shared;
  std::uint32_t agent_pid = 0;  // with KeyKind::Master
  vlp::Bytes frame{};
  Bytes datagram;
};

// FrameSealer, but with any iv for any frame: an agent that has drawn one twice, or counts
// backwards.
class Sealer {
 public:
  Sealed seal(Input& input) {
    Sealed sealed;
    sealed.key = input.take_bit() ? KeyKind::Master : KeyKind::Shared;
    sealed.frame = frame_of(input);
    const bool is_master = sealed.key == KeyKind::Master;
    if (is_master) sealed.agent_pid = input.take<std::uint8_t>();
    sealed.datagram = Bytes(is_master ? kMasterBytes : kSharedBytes);
    write_le<std::uint32_t>(std::span(sealed.datagram).first<kAgentPidBytes>(), sealed.agent_pid);
    const auto prefix = is_master ? kAgentPidBytes : 0;
    seal(sealed, input.take<std::uint8_t>(),
         input.take<std::uint32_t>() >> input.take<std::uint8_t>() % 32,
         std::span(sealed.datagram).subspan(prefix).first<kSharedBytes>());
    return sealed;
  }

 private:
  static vlp::Bytes frame_of(Input& input) {
    if (input.take<std::uint8_t>() % 8 == 7) return input.take<vlp::Bytes>();
    const auto byte = [&] { return input.take<std::uint8_t>(); };
    return vlp::encode({.status = static_cast<vlp::Status>(byte() % 3),
                        .pid = byte(),
                        .timestamp = byte(),
                        .nonce = byte(),
                        .payload = byte()});
  }

  void seal(const Sealed& sealed, std::uint64_t iv_random, std::uint32_t iv_counter,
            std::span<std::uint8_t, kSharedBytes> out) {
    write_le<std::uint64_t>(out.first<kIvRandomBytes>(), iv_random);
    write_le<std::uint32_t>(out.subspan<kIvRandomBytes, kIvCounterBytes>(), iv_counter);
    const bool is_master = sealed.key == KeyKind::Master;
    const Key& key = is_master ? *agents_.of_agent(sealed.agent_pid) : shared_;
    const auto associated = std::span(sealed.datagram).first(is_master ? kAgentPidBytes : 0);
    require(
        aead_.seal(key, out.first<Aead::kNonceBytes>(), associated, sealed.frame,
                   out.subspan<Aead::kNonceBytes, vlp::kFrameBytes>(), out.last<Aead::kTagBytes>()),
        "a frame can be sealed");
  }

  Aead aead_ = Aead::make().value();
  const Key shared_ = key_of('s');
  AgentKeys agents_ = AgentKeys::of(key_of('m')).value();
};

class Listener {
 public:
  void pass_time(std::uint8_t ns) { now_ns_ += ns; }

  void hear(const Sealed& sealed) {
    const Outcome outcome = unwrap(sealed.datagram);
    const auto decoded = vlp::decode(sealed.frame);
    const auto* frame = std::get_if<vlp::Frame>(&decoded);
    if (frame == nullptr) {
      require(outcome == Outcome(sealed.frame),
              "authenticated bytes that are no frame are passed on");
      return;
    }
    const bool is_anothers = sealed.key == KeyKind::Master && sealed.agent_pid != frame->pid;
    require((outcome == Outcome(FrameDrop::AgentPidMismatch)) == is_anothers,
            "an agent's key is good for its own frames alone");
    if (is_anothers) return;
    if (const auto* dropped = std::get_if<FrameDrop>(&outcome)) {
      require(*dropped == FrameDrop::Replayed || *dropped == FrameDrop::SenderTableFull,
              "an honest frame is refused for its place or for want of room alone");
      return;
    }
    require(outcome == Outcome(sealed.frame), "what is opened is what was sealed");
    require(accepted_.insert(sealed.datagram).second, "a frame is accepted once");
  }

  // Not sealed by anybody who has the key.
  void hear_forged(const Bytes& datagram) {
    const auto size = wrapping_->senders().size();
    const auto forgotten = wrapping_->senders().forgotten();
    const bool has_length = datagram.size() == kSharedBytes || datagram.size() == kMasterBytes;
    require(
        unwrap(datagram) == Outcome(has_length ? FrameDrop::DecryptFailed : FrameDrop::WrongLength),
        "what was not sealed with the key is refused");
    require(wrapping_->senders().size() == size && wrapping_->senders().forgotten() == forgotten,
            "and nothing is remembered of it");
  }

 private:
  static std::unique_ptr<SecureWrapping> make_wrapping() {
    Keys keys{.shared = key_of('s'), .master = key_of('m')};
    const SecureWrapping::Config config{.max_senders = kSenders, .live_ns = kLive_ns, .seed = 1};
    return SecureWrapping::with(std::move(keys), config).value();
  }

  Outcome unwrap(const Bytes& datagram) {
    const auto outcome = wrapping_->unwrap(datagram, kThisHost, now_ns_);
    require(wrapping_->senders().size() <= kSenders, "no more senders than there is room for");
    if (const auto* dropped = std::get_if<FrameDrop>(&outcome)) return *dropped;
    return std::get<Unwrapped>(outcome).frame;
  }

  const std::unique_ptr<SecureWrapping> wrapping_ = make_wrapping();
  std::uint64_t now_ns_ = 1'000;
  std::set<Bytes> accepted_;
};

// Not as they are in the input: libFuzzer remembers what is compared with memcmp(3), as sealed
// datagrams are here, and puts it into later inputs, where it would not be forged.
Bytes invented(Input& input) {
  const auto bytes = input.take_bytes(input.take<std::uint8_t>());
  Bytes inverted(bytes.size());
  std::transform(bytes.begin(), bytes.end(), inverted.begin(),
                 [](std::uint8_t byte) { return static_cast<std::uint8_t>(~byte); });
  return inverted;
}

Bytes altered(Bytes datagram, Input& input) {
  const auto at = input.take<std::uint8_t>();
  const auto by = input.take<std::uint8_t>();
  switch (input.take<std::uint8_t>() % 4) {
    case 0: datagram[at % datagram.size()] ^= by; break;
    case 1: datagram.resize(at); break;
    case 2: datagram.insert(datagram.begin(), kAgentPidBytes, by); break;
    case 3: datagram.erase(datagram.begin(), datagram.begin() + kAgentPidBytes); break;
  }
  return datagram;
}

// The attacks of somebody who can read and write the network.
class Attacker {
 public:
  void record(const Sealed& sealed) { recorded_.push_back(sealed); }

  void send_again(std::uint8_t which, Listener& listener) {
    if (!recorded_.empty()) listener.hear(recorded_[which % recorded_.size()]);
  }

  void send_altered(std::uint8_t which, Input& input, Listener& listener) {
    if (recorded_.empty()) return;
    const auto forged = altered(recorded_[which % recorded_.size()].datagram, input);
    if (!is_recorded(forged)) listener.hear_forged(forged);
  }

 private:
  [[nodiscard]] bool is_recorded(const Bytes& datagram) const {
    return std::any_of(recorded_.begin(), recorded_.end(),
                       [&](const Sealed& sealed) { return sealed.datagram == datagram; });
  }

  std::vector<Sealed> recorded_;
};

void check(Input input) {
  static Sealer sealer;
  Listener listener;
  Attacker attacker;
  while (!input.empty()) {
    const auto what = input.take<std::uint8_t>();
    const auto which = static_cast<std::uint8_t>(what / 5);
    switch (what % 5) {
      case 0: listener.pass_time(input.take<std::uint8_t>()); break;
      case 1: {
        const auto sealed = sealer.seal(input);
        attacker.record(sealed);
        listener.hear(sealed);
        break;
      }
      case 2: listener.hear_forged(invented(input)); break;
      case 3: attacker.send_again(which, listener); break;
      case 4: attacker.send_altered(which, input, listener);
    }
  }
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::Input(data, size));
  return 0;
}
