// BeatLink: sends an agent's frames to the observer, by Unix socket or UDP, sealed or not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "vlp/frame.hpp"

namespace hb::cli {

class BeatLink {
 public:
  virtual ~BeatLink() = default;

  // Does not block. The Error says why this frame, or (UDP) an earlier one, was not delivered.
  virtual Result<> send(const vlp::Bytes& frame) = 0;
};

// Where `hb-ebpf beat` sends.
struct BeatRoute {
  std::string socket = "/run/hb-ebpf/hb.sock";
  std::optional<std::uint32_t> forged_pid;  // in SCM_CREDENTIALS; Unix only
  std::string udp;                          // "127.0.0.1:4711"; empty: the Unix socket
  std::string key_file;                     // empty: not given
  std::string master_key_file;              // likewise
};

// Reads the key file; does not connect yet. The Error is one of configuration.
[[nodiscard]] Result<std::unique_ptr<BeatLink>> open_link(const BeatRoute& route);

}  // namespace hb::cli
