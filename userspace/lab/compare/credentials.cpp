// Processes that pass another pid in SCM_CREDENTIALS.
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "lab/compare/plays.hpp"
#include "lab/id_map.hpp"

namespace hb::compare {
namespace {

constexpr uid_t kNobody = 65534;

Result<> forge(const Sockets& sockets, std::uint32_t presented, std::uint32_t claimed) {
  const auto sender = Sender::connect(sockets);
  return sender ? sender.value().send_as(presented, beat_claiming(claimed)) : sender.error();
}

Result<> become_nobody() {
  const bool done = ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                    ::setresuid(kNobody, kNobody, kNobody) == 0;
  const int code = errno;
  if (!done) return os_error(code, "cannot become an unprivileged user");
  // setresuid(2) has cleared PR_SET_DUMPABLE and PR_SET_PDEATHSIG.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 1);
  return ok();
}

Result<> become_root_in_new_namespaces() {
  if (auto nobody = become_nobody(); !nobody) return nobody;
  const int refused = ::unshare(CLONE_NEWUSER | CLONE_NEWPID);
  const int code = errno;
  if (refused != 0) return os_error(code, "unprivileged user namespaces are not allowed here");
  return become_root_inside(kNobody, kNobody);
}

// Forges its sibling's credentials, with the claimed pid that it is given.
Result<> forge_on_command(const Sockets& sockets, std::uint32_t sibling, lab::Line& line) {
  for (;;) {
    const auto claimed = line.hear();
    if (!claimed) return claimed.error();
    const auto pid = static_cast<std::uint32_t>(std::stoul(claimed.value().text));
    if (auto sent = forge(sockets, sibling, pid); !sent) return sent;
    line.tell("sent");
  }
}

// The first process in the new namespaces: it creates the victim, which beats with its pid there,
// and then forges.
Result<> live_inside(const Sockets& sockets, lab::Line& line) {
  auto victim = lab::Child::start([&](lab::Line& own) {
    line.tell(std::to_string(own_pid()));
    return own.hold();
  });
  if (!victim) return victim.error();
  return forge_on_command(sockets, static_cast<std::uint32_t>(victim.value().pid()), line);
}

Result<> live_as_nobody(const Sockets& sockets, lab::Line& line) {
  if (auto root = become_root_in_new_namespaces(); !root) return root;
  auto first = lab::Child::start([&](lab::Line&) { return live_inside(sockets, line); });
  if (!first) return first.error();
  return first.value().finish();
}

Result<Conclusions> judge_claim(const Stage& stage, const lab::Child& forger,
                                const std::string& pid) {
  stage.clear();
  forger.tell(pid);
  const auto sent = forger.hear();
  if (!sent) return sent.error();
  return stage.judge();
}

}  // namespace

Outcome scm_spoof(const Stage& stage) {
  const auto victim = stage.enter(stay);
  if (!victim) return victim.error();
  const auto pid = static_cast<std::uint32_t>(victim.value().pid());
  const auto forger = stage.enter([&](lab::Line& line) -> Result<> {
    if (auto sent = forge(stage.sockets(), pid, pid); !sent) return sent;
    return stay(line);
  });
  if (!forger) return forger.error();
  return Observed(stage.judge());
}

// The victim's pid as it sees itself, and then as the observer sees it.
Outcome user_namespace(const Stage& stage) {
  const auto forger =
      stage.start([&](lab::Line& line) { return live_as_nobody(stage.sockets(), line); });
  if (!forger) return forger.error();
  const auto victim = forger.value().hear();
  if (!victim) return victim.error();
  const auto inside = judge_claim(stage, forger.value(), victim.value().text);
  if (!inside) return inside.error();
  const auto outside = judge_claim(stage, forger.value(), std::to_string(victim.value().pid));
  if (!outside) return outside.error();
  return Observed(both(inside.value(), outside.value(), Conclusion::AuthFailure));
}

}  // namespace hb::compare
