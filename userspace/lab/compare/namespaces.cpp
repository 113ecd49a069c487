// Senders in descendant PID namespaces, which have a pid in the observer's.
#include <linux/sched.h>
#include <sched.h>

#include <cerrno>

#include "lab/compare/plays.hpp"

namespace hb::compare {
namespace {

// Runs `work` that many PID namespaces deeper, and not as pid 1 there, which is illegal in a frame.
Result<> run_inside(int levels, const lab::Work& work) {
  const lab::Work next =
      levels == 0 ? work : [&](lab::Line&) { return run_inside(levels - 1, work); };
  auto child = lab::Child::start(next, {levels == 0 ? 0U : CLONE_NEWPID, {}});
  if (!child) return child.error();
  return child.value().finish();
}

Outcome foreigner(const Stage& stage, int levels) {
  const auto agent = stage.enter([&](lab::Line& line) {
    return run_inside(levels,
                      [&](lab::Line&) { return beat_and_stay(stage.sockets(), own_pid(), line); });
  });
  if (!agent) return agent.error();
  return Observed(stage.judge());
}

}  // namespace

Outcome private_namespace(const Stage& stage) { return foreigner(stage, 1); }

Outcome nested_namespace(const Stage& stage) { return foreigner(stage, 3); }

Outcome unshared_not_forked(const Stage& stage) {
  const auto sender = stage.enter([&](lab::Line& line) -> Result<> {
    const int refused = ::unshare(CLONE_NEWPID);
    const int code = errno;
    if (refused != 0) return os_error(code, "cannot unshare the PID namespace of children");
    return beat_and_stay(stage.sockets(), own_pid(), line);
  });
  if (!sender) return sender.error();
  return Observed(stage.judge());
}

Outcome inherited_socket(const Stage& stage) {
  const auto connected = Sender::connect(stage.sockets());
  if (!connected) return connected.error();
  const auto child = stage.enter([&](lab::Line& line) {
    return run_inside(1, [&](lab::Line&) -> Result<> {
      if (auto sent = connected.value().send(beat_claiming(own_pid())); !sent) return sent;
      return stay(line);
    });
  });
  if (!child) return child.error();
  return Observed(stage.judge());
}

}  // namespace hb::compare
