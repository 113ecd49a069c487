// Succession: what a predecessor has left to this process, and what this one leaves to its
// successor, by a descriptor store (keep/): the socket with the kernel program on it, the rings,
// and what the observer knows. So no beat and no exit is lost between the two.
//
// All of it is taken over, or nothing: then it is told why, and given up, so that the socket's path
// is free. Beside that, a socket unit may have passed the agents' socket, which is then neither
// made nor removed here, and used by whoever begins anew, too. Only with --attest kernel and
// --delivery ring: of datagrams a process that is killed may have received some that it has not
// judged.
//
// Borrows all that it is given. One thread; before the loop and its sandbox.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/service_manager.hpp"
#include "intake/intake.hpp"
#include "keep/descriptor_name.hpp"
#include "observer/clock.hpp"
#include "report/loss_report.hpp"
#include "state/state_memory.hpp"

namespace hb::daemon {

class Succession {
 public:
  // `inherited`: of keep::take_inherited(); that it failed is logged. `passed`: of
  // take_passed_socket().
  Succession(Result<std::vector<keep::NamedFd>> inherited, Fd passed, ServiceManager& manager,
             const RunConfig& options);

  // Whether there is a store, and what this observer has can be kept.
  [[nodiscard]] bool is_wanted() const { return is_wanted_; }

  // Goes on with what a predecessor has left. Empty: there was nothing, or it was refused, which is
  // logged; the caller then opens an intake anew. The Error is fatal: another process has gone on
  // with the same.
  [[nodiscard]] Result<std::unique_ptr<intake::Intake>> go_on(const intake::IntakeConfig& wanted,
                                                              const Clock& clock);
  [[nodiscard]] bool has_gone_on() const { return has_gone_on_; }
  // For whoever begins anew. None: no socket was passed.
  [[nodiscard]] Fd take_passed() { return std::move(passed_); }

  // After go_on(): where the observer keeps what it knows. nullptr: where it always does.
  [[nodiscard]] const StateMemory* state() const { return state_ ? &*state_ : nullptr; }

  // What has been told of losses, see LossReport; nullptr: as state().
  [[nodiscard]] LossReport::Kept* losses() const;

  // Gives everything to the store. After Intake::bind(), before the service manager is told that
  // this process is ready. A failure is logged.
  void leave(intake::Intake& intake);
  // Whether a successor may go on: then the socket is not to be removed at the end.
  [[nodiscard]] bool is_left() const { return is_left_; }

 private:
  // A predecessor's, by their names.
  struct Left {
    UnixListener::Kept socket;
    UnixListener::Kept notify;
    Fd state;
    kernel::StampProgram::Kept program;
  };
  [[nodiscard]] Result<Left> sort_out() const;
  [[nodiscard]] Result<> check_socket(const UnixListener::Kept& socket) const;
  [[nodiscard]] Result<intake::Intake::GoOn> adopt_sockets(Left left) const;
  [[nodiscard]] StateMemory::Layout layout() const;
  [[nodiscard]] Result<std::unique_ptr<intake::Intake>> take_over(
      const intake::IntakeConfig& wanted, const Clock& clock);
  void give_up();
  void begin(const Clock& clock);
  [[nodiscard]] Result<> create_state(const Clock& clock);
  [[nodiscard]] Result<> store(const intake::Intake& intake) const;

  ServiceManager& manager_;
  const RunConfig& options_;
  Fd passed_;
  std::vector<keep::NamedFd> inherited_;
  const bool is_wanted_;
  bool has_gone_on_ = false;
  bool is_left_ = false;
  std::optional<StateMemory> state_;
};

}  // namespace hb::daemon
