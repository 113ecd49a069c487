// Outlet: a descriptor for output that is written to without waiting for whoever reads at its other
// end.
//
// O_NONBLOCK belongs to the open file description, which a pipe or a terminal shares with other
// processes (the shell, the other side of 2>&1), so it is never set on what was inherited. A pipe
// or a terminal is opened once more by its name in /dev/fd, which makes a description of our own; a
// socket has MSG_DONTWAIT; a file or a device waits for no reader.
//
// Where opening it again is refused (it belongs to another user), each write is of at most PIPE_BUF
// bytes and comes after a poll(2) that found room, which a pipe then has (pipe(7)), unless another
// writer takes it in between. A terminal may have less; a signal ends such a wait.
//
// Borrows the descriptor that it is given. One thread. Allocates nothing after construction.
// Expects SIGPIPE to be ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/fd.hpp"

namespace hb {

class Outlet {
 public:
  explicit Outlet(int fd);

  struct Written {
    std::size_t bytes;
    int code;  // 0, or errno; EAGAIN: there is no room now
  };

  // At least one byte, or a code.
  Written write(std::string_view bytes);

  // Becomes writable when there is room.
  [[nodiscard]] int fd() const { return own_ ? own_.get() : fd_; }

 private:
  enum class Kind : std::uint8_t {
    Unread,  // a file or a device: nobody has to read before it can be written
    Socket,
    Own,     // a description of our own, with O_NONBLOCK
    Shared,  // a pipe or a terminal that could not be opened again
  };

  [[nodiscard]] Kind find_kind();
  [[nodiscard]] bool has_room() const;

  const int fd_;
  Fd own_;
  const Kind kind_;
};

}  // namespace hb
