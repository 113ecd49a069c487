// UnixStreamListener: makes the file of a Unix stream socket that listens, for another process to
// accept from, and removes it.
//
// By the rules of UnixListener: a stale socket is replaced, a live one never, and the file is
// removed only if it is still this socket's. Where the path is lost, a new socket can be given it.
// One thread.
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

inline constexpr int kUnixStreamBacklog = 64;

class UnixStreamListener {
 public:
  static Result<std::unique_ptr<UnixStreamListener>> open(const SocketPlace& place);
  UnixStreamListener(const UnixStreamListener&) = delete;
  UnixStreamListener& operator=(const UnixStreamListener&) = delete;
  ~UnixStreamListener();

  [[nodiscard]] const Fd& socket() const { return socket_; }
  // Somebody else has it: when he ends, connections are refused.
  void close_socket() { socket_.reset(); }

  // Whether the path is gone or another file's. Where that cannot be seen, it is not.
  [[nodiscard]] bool is_lost() const;
  // Gives the path to a new socket(), on which whoever is to accept has to call listen(2): the
  // caller may not be allowed to. After an Error it can be tried again.
  [[nodiscard]] Result<> rebind();

  // Removes the file, unless it is gone or another socket's by now.
  Result<> withdraw();

 private:
  UnixStreamListener(SocketPlace place, SocketDirectory directory)
      : place_(std::move(place)), directory_(std::move(directory)) {}

  Result<> claim_name();
  Result<> bind();

  const SocketPlace place_;
  SocketDirectory directory_;
  Fd socket_;
  std::optional<PathClaim> claim_;  // borrows directory_
  bool exists_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hb
