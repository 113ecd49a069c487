#include "lab/compare/stage.hpp"

namespace hb::compare {

Result<lab::Child> Stage::start(const lab::Work& work, const lab::Place& place) const {
  return lab::Child::start(work, place, patience());
}

Result<lab::Child> Stage::enter(const lab::Work& work, const lab::Place& place) const {
  auto child = start(work, place);
  if (!child) return child;
  const auto here = child.value().hear();
  if (!here) return here.error();
  return child;
}

Result<pid_t> Stage::enter_and_leave(const lab::Work& work, const lab::Place& place) const {
  auto child = start(work, place);
  if (!child) return child.error();
  const pid_t pid = child.value().pid();
  if (auto gone = child.value().finish(); !gone) return gone.error();
  return pid;
}

Result<> beat(const Sockets& sockets, std::uint32_t pid) {
  const auto sender = Sender::connect(sockets);
  return sender ? sender.value().send(beat_claiming(pid)) : sender.error();
}

Result<> beat_and_stay(const Sockets& sockets, std::uint32_t pid, lab::Line& line) {
  if (auto sent = beat(sockets, pid); !sent) return sent;
  return stay(line);
}

Result<> stay(lab::Line& line) {
  line.tell("here");
  return line.hold();
}

}  // namespace hb::compare
