// UnixStreamListener: makes the file of a Unix stream socket that listens, for another process to
// accept from, and removes it.
//
// By the rules of UnixListener: a stale socket is replaced, a live one never, and the file is
// removed only if it is still this socket's. One thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "transport/path_claim.hpp"
#include "transport/socket_directory.hpp"
#include "transport/unix_listener.hpp"

namespace hb {

class UnixStreamListener {
 public:
  static Result<std::unique_ptr<UnixStreamListener>> open(const SocketPlace& place);
  UnixStreamListener(const UnixStreamListener&) = delete;
  UnixStreamListener& operator=(const UnixStreamListener&) = delete;
  ~UnixStreamListener();

  [[nodiscard]] const Fd& socket() const { return socket_; }
  // Somebody else has it: when he ends, connections are refused.
  void close_socket() { socket_.reset(); }

  // Removes the file, unless it is gone or another socket's by now.
  Result<> withdraw();

 private:
  UnixStreamListener(Fd socket, SocketDirectory directory)
      : socket_(std::move(socket)), directory_(std::move(directory)) {}

  Result<> bind(mode_t mode);

  Fd socket_;
  const SocketDirectory directory_;
  std::optional<PathClaim> claim_;
  bool exists_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hb
