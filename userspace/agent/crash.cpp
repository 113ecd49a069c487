// The last word of a process that crashes.
#include <cerrno>
#include <csignal>

#include "agent/agent.hpp"

namespace hb::agent {
namespace {

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

std::atomic<hb_agent*> the_agent;

void at_crash(int signal, siginfo_t* info, void* context);

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == at_crash;
}

void set(int signal) {
  struct sigaction ours {};
  ours.sa_sigaction = at_crash;
  ours.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND | SA_ONSTACK | SA_RESTART);
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(signal, &ours, nullptr);
}

void install(int signal) {
  struct sigaction present {};
  if (::sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) set(signal);
}

void uninstall(int signal) {
  struct sigaction present {};
  if (::sigaction(signal, nullptr, &present) == 0 && is_ours(present)) ::signal(signal, SIG_DFL);
}

// The kernel raised it for the instruction, which is executed again and raises it again: with its
// address in the core. Not what a process sent, nor memory that failed elsewhere.
bool comes_again(const siginfo_t& info) {
  constexpr int kMemoryTagAsync = 8;  // SEGV_MTEAERR
  if (info.si_code <= 0) return false;
  if (info.si_signo == SIGBUS && info.si_code == BUS_MCEERR_AO) return false;
  return info.si_signo != SIGSEGV || info.si_code != kMemoryTagAsync;
}

// The action is SIG_DFL again by now (SA_RESETHAND). The kernel does not end the first process
// of a PID namespace by a signal that some process in it sent: for that one nothing has
// happened.
void at_crash(int signal, siginfo_t* info, void* /*context*/) {
  const int code = errno;
  const bool is_again = comes_again(*info);
  if (!is_again && ::getpid() == 1) {
    set(signal);
  } else {
    hb_agent* agent = the_agent;
    if (agent != nullptr && agent->session->has_socket) {  // not a child that is no agent
      hb_agent_last_word(agent, static_cast<std::uint32_t>(signal));
    }
    if (!is_again) ::raise(signal);
  }
  errno = code;
}

}  // namespace

void forget_at_crash(hb_agent& agent) {
  hb_agent* expected = &agent;
  if (!the_agent.compare_exchange_strong(expected, nullptr)) return;
  for (const int signal : kCrashes) uninstall(signal);
}

}  // namespace hb::agent

int hb_agent_last_word_at_crash(hb_agent* agent) {
  using namespace hb::agent;
  hb_agent* expected = nullptr;
  if (!the_agent.compare_exchange_strong(expected, agent)) return expected == agent ? 0 : -EBUSY;
  for (const int signal : kCrashes) install(signal);
  return 0;
}
