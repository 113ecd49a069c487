// Sender: sends the same frame to the socket of every column, one right after the other.
//
// Connects at construction, so that the sockets can be inherited before anything is sent. Owns its
// descriptors, one for each socket, in their order. One thread.
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

// A beat with a unique timestamp.
[[nodiscard]] vlp::Bytes beat_claiming(std::uint32_t pid, std::uint64_t nonce = 1,
                                       std::uint32_t payload = 0);

class Sender {
 public:
  static Result<Sender> connect(const Sockets& sockets);

  // Blocks while the queue is full.
  [[nodiscard]] Result<> send(const vlp::Bytes& frame) const;

  // With `pid` in SCM_CREDENTIALS, which needs CAP_SYS_ADMIN.
  [[nodiscard]] Result<> send_as(std::uint32_t pid, const vlp::Bytes& frame) const;

  // Does not block: skips a column whose queue is full.
  void offer(const vlp::Bytes& frame) const;

  [[nodiscard]] const std::vector<Fd>& fds() const { return fds_; }

 private:
  explicit Sender(std::vector<Fd> fds) : fds_(std::move(fds)) {}

  std::vector<Fd> fds_;
};

[[nodiscard]] std::uint32_t own_pid();

}  // namespace hb::compare
