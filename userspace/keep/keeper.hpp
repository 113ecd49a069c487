// Keeper: `hb-ebpf keep`. Starts a program, holds the descriptors that the program gives to it by
// NOTIFY_SOCKET, and starts it again with them when it ends.
//
//   SIGTERM, SIGINT  end the program and then the keeper; a second one kills it
//   SIGHUP           an upgrade: kills the program and starts the file that now is at its path. If
//                    that is not ready in time, the file of before is started again
//   SIGUSR1          goes to the program
//
// Believes only messages of the very process that it has started: the kernel says who sent each,
// and no other can have its pid before the keeper has reaped it.
//
// It has no seccomp filter, as what it starts would inherit it.
//
// One thread. Blocks the signals that it handles.
#pragma once

#include <signal.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "keep/kept_descriptors.hpp"
#include "keep/notification.hpp"
#include "keep/notify_listener.hpp"
#include "keep/notify_socket.hpp"
#include "keep/program_file.hpp"
#include "keep/restart_plan.hpp"

namespace hb::keep {

struct KeeperConfig {
  std::vector<std::string> argv;  // not empty
  RestartPlan::Limits limits;
  std::uint64_t ready_timeout_ms = 30'000;
};

class Keeper {
 public:
  // What it was passed itself (take_inherited()) is kept for the program from the beginning.
  // NOTIFY_SOCKET is taken out of the environment: whoever listens there is told what the program
  // tells.
  [[nodiscard]] static Result<Keeper> make(KeeperConfig config);

  // Until the program ends for good, or a signal asks for it. Returns the program's exit code, or
  // 128 and its signal.
  int run();

 private:
  Keeper(KeeperConfig config, std::vector<NamedFd> first, NotifyListener notified,
         ProgramFile program);
  Result<> take_signals();

  void start_program();
  void wait();
  void take_one_signal(int number);
  void stop();
  void upgrade();
  void take_messages();
  void handle(NotifyListener::Message& message);
  void store(const Notification& told, NotifyListener::Message& message);
  void became_ready();
  void ignore(pid_t sender);
  void reap_children();
  void program_ended(int code);
  void start_after(std::uint64_t delay_ms);
  void deadline_passed();
  void signal_program(int number) const;
  void forward(const std::string& state);

  KeeperConfig config_;
  KeptDescriptors kept_;
  NotifyListener notified_;
  std::optional<NotifySocket> outer_;
  Fd signals_;
  sigset_t before_{};  // the signals that were blocked before

  ProgramFile program_;                  // what runs, or is started next
  std::optional<ProgramFile> next_;      // an upgrade: what is started once the program has ended
  std::optional<ProgramFile> previous_;  // what is started again if program_ does not become ready
  RestartPlan plan_;

  pid_t pid_ = -1;                            // -1: it does not run
  std::optional<std::uint64_t> ready_ms_;     // since when it is ready
  std::optional<std::uint64_t> deadline_ms_;  // when to start it, or to kill it
  bool is_stopping_ = false;
  bool is_done_ = false;
  int code_ = 0;  // of the last end
  std::uint64_t ignored_ = 0;
};

}  // namespace hb::keep
