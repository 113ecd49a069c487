// NotifyIntake: the socket for systemd's notify protocol, and what comes to it.
//
// The kernel program takes every message inside its sender's sendmsg(2), and none is queued: the
// socket is only there to be sent to. Unlike the agents' socket it must let descriptors pass, which
// are closed at once.
//
// Borrows the program. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "intake/notify_source.hpp"
#include "intake/self_beat.hpp"
#include "kernel/stamp_program.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

class NotifyIntake {
 public:
  // The socket has the program, and is not bound.
  static Result<std::unique_ptr<NotifyIntake>> open(kernel::StampProgram& program,
                                                    std::uint64_t start_ns, hb_progress* progress);
  // A predecessor's, after an echo has shown that the program is on it.
  static Result<std::unique_ptr<NotifyIntake>> go_on(kernel::StampProgram& program,
                                                     std::unique_ptr<UnixListener> listener,
                                                     const std::string& path,
                                                     std::uint64_t start_ns, hb_progress* progress);

  Result<> bind(const SocketPlace& place);
  Result<> withdraw() { return listener_->withdraw(); }
  [[nodiscard]] Result<UnixListener::Kept> keep() const { return listener_->keep(); }
  void leave_at_end() { listener_->leave_at_end(); }

  // See SelfBeat.
  Result<> check_reach(std::uint64_t now_ns);
  // The path leads elsewhere: a new socket with the program gets it. Who is connected to the former
  // one is heard until the next time.
  [[nodiscard]] bool has_lost_path() const { return !listener_->check_name(); }
  Result<> rebind();

  [[nodiscard]] NotifySource& source() { return source_; }
  [[nodiscard]] const NotifySource& source() const { return source_; }

 private:
  NotifyIntake(kernel::StampProgram& program, std::unique_ptr<UnixListener> listener,
               std::uint64_t start_ns, hb_progress* progress)
      : program_(program), listener_(std::move(listener)), source_(program, start_ns, progress) {}

  Result<> check_self(const std::string& path);

  kernel::StampProgram& program_;
  std::unique_ptr<UnixListener> listener_;
  NotifySource source_;
  std::optional<SelfBeat> self_beat_;
};

}  // namespace hb::intake
