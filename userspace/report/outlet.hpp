// Outlet: writes to a descriptor without blocking on its reader.
//
// O_NONBLOCK belongs to the open file description, which is shared with other processes (the shell,
// the other side of 2>&1), so it is never set on an inherited descriptor. A pipe or a terminal is
// opened again through /dev/fd, which makes a new description; for a socket, MSG_DONTWAIT is used;
// files and devices do not block on a reader.
//
// If it cannot be opened again (it belongs to another user), each write has at most PIPE_BUF bytes
// and follows a poll(2) with POLLOUT: a pipe then has that much room (pipe(7)), unless another
// writer uses it first. A terminal may have less room and block; a signal interrupts that.
//
// The journal's socket takes each line as one datagram (journal.hpp).
//
// Borrows the descriptor that it is given, but owns the journal's. One thread. Allocates nothing
// after construction. Expects SIGPIPE to be ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/fd.hpp"

namespace hb {

class Outlet {
 public:
  explicit Outlet(int fd);
  // A socket of journal::open(). At most kEntryBytes of a line are sent.
  static Outlet to_journal(Fd socket) { return Outlet(std::move(socket)); }
  static constexpr std::size_t kEntryBytes = 4096;

  struct Written {
    std::size_t bytes;
    int code;  // 0, or errno; EAGAIN: no room now
  };

  // Writes at least one byte, or returns a code.
  Written write(std::string_view bytes);

  // For poll(2) with POLLOUT.
  [[nodiscard]] int fd() const { return own_ ? own_.get() : fd_; }

  [[nodiscard]] bool is_journal() const { return kind_ == Kind::Journal; }

 private:
  enum class Kind : std::uint8_t {
    Unread,  // a file or a device, which has no reader to block on
    Socket,
    Own,  // a description of our own, with O_NONBLOCK
    Journal,
    Shared,  // a pipe or a terminal that could not be opened again
  };

  explicit Outlet(Fd socket) : fd_(socket.get()), own_(std::move(socket)), kind_(Kind::Journal) {}

  [[nodiscard]] Written write_entry(std::string_view bytes) const;
  [[nodiscard]] Kind find_kind();
  [[nodiscard]] bool has_room() const;

  const int fd_;
  Fd own_;
  const Kind kind_;
};

}  // namespace hb
