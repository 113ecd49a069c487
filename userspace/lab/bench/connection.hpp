// Connection: a connected socket of a sender, with minimal overhead.
//
// Owns its descriptor. One thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {

class Connection {
 public:
  static Result<Connection> make(const std::string& path);

  // False: the queue was full (EAGAIN), or the observer is gone.
  [[nodiscard]] bool offer(const vlp::Bytes& frame) const;

  // Blocks while the queue is full. False: the observer is gone.
  [[nodiscard]] bool send(const vlp::Bytes& frame) const;

 private:
  explicit Connection(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

[[nodiscard]] Result<std::vector<Connection>> connect_all(const std::vector<std::string>& paths);

}  // namespace hb::bench
