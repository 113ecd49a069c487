// What is made of the control messages beside a datagram, whatever recvmmsg(2) should report:
// nothing behind msg_controllen is read, and only whole SCM_CREDENTIALS are credentials.
#include <cstring>
#include <memory>
#include <optional>

#include "tests/fuzz/input.hpp"
#include "transport/unix_listener.hpp"

namespace hb::fuzz {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = Datagram::Kind;

// The layout of struct cmsghdr and struct ucred on 64-bit Linux, said a second time.
std::optional<Credentials> oracle_credentials(Bytes control) {
  struct {
    std::uint64_t length;
    std::int32_t level;
    std::int32_t type;
    Credentials credentials;
  } seen{};
  constexpr std::size_t kWhole = 28;
  if (control.size() < kWhole) return std::nullopt;
  std::memcpy(&seen, control.data(), kWhole);
  if (seen.length != kWhole || seen.level != 1 || seen.type != 2) return std::nullopt;
  return seen.credentials;
}

void check(unsigned flags, unsigned length, Bytes control) {
  // Of that very size, so that AddressSanitizer sees a look behind it.
  const std::unique_ptr<std::uint8_t[]> memory(new std::uint8_t[control.size()]);
  std::copy(control.begin(), control.end(), memory.get());
  mmsghdr received{};
  received.msg_hdr.msg_control = memory.get();
  received.msg_hdr.msg_controllen = control.size();
  received.msg_hdr.msg_flags = static_cast<int>(flags);
  received.msg_len = length;
  Datagram datagram;
  datagram.kind = static_cast<Kind>(control.size() % 4);  // of the datagram before
  datagram.credentials = {1, 2, 3};
  describe(received, datagram);

  const auto credentials = oracle_credentials(control);
  require(datagram.credentials == credentials.value_or(Credentials{}),
          "credentials are those of the message, or none");
  const bool cut = (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  const bool is_frame = !cut && length == HB_FRAME_BYTES && credentials.has_value();
  require((datagram.kind == Kind::Frame) == is_frame,
          "32 whole bytes with credentials are a frame, and nothing else is");
  require((datagram.kind == Kind::CtrlTruncated) == ((flags & MSG_CTRUNC) != 0),
          "what carried more than credentials is said to");
}

}  // namespace
}  // namespace hb::fuzz

// Flags, the datagram's length, how long the control messages are, and these.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::Input input(data, size);
  const auto flags = input.take<std::uint16_t>();
  const auto length = input.take<std::uint8_t>();
  const auto control_length = input.take<std::uint8_t>();
  hb::fuzz::check(flags, length, input.take_bytes(control_length));
  return 0;
}
