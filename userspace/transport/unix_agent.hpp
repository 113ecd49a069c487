// UnixAgent: sends datagrams to the observer's Unix socket. Does not block: if the observer is slow
// or not running, the datagram is lost.
//
// Connects at the first send and again whenever the observer was replaced; agents may be started
// before the observer. Owns its descriptor. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

class UnixAgent {
 public:
  enum class Outcome : std::uint8_t {
    Queued,
    QueueFull,  // EAGAIN: this datagram is lost
  };

  explicit UnixAgent(std::string path) : path_(std::move(path)) {}

  // From now on every datagram carries `pid` in SCM_CREDENTIALS instead of the sender's own. The
  // kernel lets only a privileged process do so, and only for a pid that exists (unix(7)).
  void present_as(std::uint32_t pid) { presented_pid_ = pid; }

  // One datagram of any length. The Error says why it was not sent: no observer, no permission.
  Result<Outcome> send(std::span<const std::uint8_t> bytes);

 private:
  Result<> connect();
  int transmit(std::span<const std::uint8_t> bytes) const;

  const std::string path_;
  std::optional<std::uint32_t> presented_pid_;
  Fd socket_;
};

}  // namespace hb
