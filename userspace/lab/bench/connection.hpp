// Connection: a sender's end of an observer's socket, as bare as it can be.
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

  // False: there was no room for it (EAGAIN), or nobody to receive it.
  [[nodiscard]] bool offer(const vlp::Bytes& frame) const;

  // Waits for room. False: nobody is there to receive it.
  [[nodiscard]] bool send(const vlp::Bytes& frame) const;

 private:
  explicit Connection(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

[[nodiscard]] Result<std::vector<Connection>> connect_all(const std::vector<std::string>& paths);

}  // namespace hb::bench
