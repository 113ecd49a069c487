// Sender: one process that speaks to every column. The same frame goes to each of their sockets,
// from the same process, one right after the other.
//
// Connects at once, so that the sockets can be handed to another process before anything is sent.
// Owns its descriptors, one for each socket, in their order. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "vlp/frame.hpp"

namespace hb::compare {

using Sockets = std::vector<std::string>;

// An ordinary beat: no two have the same timestamp.
[[nodiscard]] vlp::Bytes beat_claiming(std::uint32_t pid, std::uint64_t nonce = 1,
                                       std::uint32_t payload = 0);

class Sender {
 public:
  static Result<Sender> connect(const Sockets& sockets);

  // Waits for room in the queue.
  [[nodiscard]] Result<> send(const vlp::Bytes& frame) const;

  // With `pid` in SCM_CREDENTIALS, which takes privilege over it.
  [[nodiscard]] Result<> send_as(std::uint32_t pid, const vlp::Bytes& frame) const;

  // Whoever has no room misses it.
  void offer(const vlp::Bytes& frame) const;

  [[nodiscard]] const std::vector<Fd>& fds() const { return fds_; }

 private:
  explicit Sender(std::vector<Fd> fds) : fds_(std::move(fds)) {}

  std::vector<Fd> fds_;
};

[[nodiscard]] std::uint32_t own_pid();

}  // namespace hb::compare
