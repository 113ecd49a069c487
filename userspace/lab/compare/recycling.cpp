// The sender's pid is reused before its frame is read.
#include <linux/sched.h>

#include <cerrno>
#include <string>

#include "lab/compare/plays.hpp"

namespace hb::compare {
namespace {

constexpr int kAttempts = 32;  // another process on the host may get the pid first

using MakeSender = Result<pid_t> (*)(const Stage& stage);  // returns a pid that is free now
using MakePlace = lab::Place (*)(pid_t pid);

Outcome recycle(const Stage& stage, MakeSender make_sender, MakePlace place_of_new_owner) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    stage.clear();
    const auto gone = make_sender(stage);
    if (!gone) return gone.error();
    const auto new_owner = stage.enter(stay, place_of_new_owner(gone.value()));
    if (new_owner) return Observed(stage.judge());
    if (new_owner.error().code != EEXIST) return new_owner.error();
  }
  return Error{"the pid of the sender was always taken by another process"};
}

Result<pid_t> native_sender(const Stage& stage) {
  return stage.enter_and_leave([&](lab::Line&) { return beat(stage.sockets(), own_pid()); });
}

// The process does not know its pid on the host, so it is sent to it.
Result<> claim_what_is_told(const Sockets& sockets, lab::Line& line) {
  const auto told = line.hear();
  if (!told) return told.error();
  return beat(sockets, static_cast<std::uint32_t>(std::stoul(told.value().text)));
}

Result<pid_t> foreign_sender(const Stage& stage) {
  auto sender =
      stage.start([&](lab::Line& line) { return claim_what_is_told(stage.sockets(), line); },
                  {CLONE_NEWPID, {}});
  if (!sender) return sender.error();
  const pid_t pid = sender.value().pid();
  sender.value().tell(std::to_string(pid));
  if (auto gone = sender.value().finish(); !gone) return gone.error();
  return pid;
}

}  // namespace

Outcome pid_reused_foreign(const Stage& stage) {
  return recycle(stage, native_sender, [](pid_t pid) {
    return lab::Place{CLONE_NEWPID, {1, pid}};
  });
}

Outcome pid_reused_native(const Stage& stage) {
  return recycle(stage, foreign_sender, [](pid_t pid) { return lab::Place{0, {pid}}; });
}

}  // namespace hb::compare
