#include "kernel/diagnosis_privileges.hpp"

#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <string>

namespace hb::kernel {
namespace {

using State = Finding::State;

struct FreeCapabilities {
  void operator()(void* set) const { ::cap_free(set); }
};

bool has(cap_value_t capability) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities> now(::cap_get_proc());
  cap_flag_value_t value = CAP_CLEAR;
  return now && ::cap_get_flag(now.get(), capability, CAP_EFFECTIVE, &value) == 0 &&
         value == CAP_SET;
}

struct Capability {
  cap_value_t number;
  const char* name;
};

// Those that this process lacks, as "CAP_A, CAP_B"; empty when it has all.
std::string lacking(std::initializer_list<Capability> wanted) {
  std::string names;
  for (const Capability& one : wanted) {
    if (has(one.number)) continue;
    if (!names.empty()) names += ", ";
    names += one.name;
  }
  return names;
}

// Before 7.0 no exit is missed without the perf event, see bpf/exit.bpf.h.
Finding exits_without_perf_event(const Error& problem) {
  const std::string what = "a process that ends is reported at once";
  if (!kernel_is_at_least(7, 0)) {
    return {"exits", State::Ok, what + "; no perf event, which only Linux 7.0 and newer need", ""};
  }
  return {"exits", State::Warning,
          what + ", but without a perf event some exits can be missed: " + problem.message,
          "none needed: what is missed is counted, and found as a silence. Else give it "
          "CAP_SYS_ADMIN, with CAP_DAC_READ_SEARCH if it is not root; or let its user read "
          "/sys/kernel/tracing/events/sched/sched_process_exit/id and set "
          "kernel.perf_event_paranoid to 2 or less. In a container, allow perf_event_open(2) in "
          "its seccomp profile"};
}

}  // namespace

bool kernel_is_at_least(int major, int minor) {
  utsname system{};
  int have_major = 0;
  int have_minor = 0;
  if (::uname(&system) != 0) return false;
  if (std::sscanf(system.release, "%d.%d", &have_major, &have_minor) != 2) return false;
  return have_major > major || (have_major == major && have_minor >= minor);
}

Finding privileges() {
  if (has(CAP_SYS_ADMIN)) return {"privileges", State::Ok, "CAP_SYS_ADMIN", ""};
  const std::string lack = lacking({{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}});
  if (lack.empty()) return {"privileges", State::Ok, "CAP_BPF and CAP_PERFMON", ""};
  return {"privileges", State::Failed, "missing: " + lack,
          "run with sudo, or give the service AmbientCapabilities=CAP_BPF CAP_PERFMON"};
}

Finding locked_memory(int refused) {
  constexpr const char* kCheck = "locked memory";
  if (kernel_is_at_least(5, 11)) return {kCheck, State::Ok, "not limited since Linux 5.11", ""};
  rlimit limit{};
  const bool is_known = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0;
  if (has(CAP_SYS_RESOURCE) || (is_known && limit.rlim_cur == RLIM_INFINITY)) {
    return {kCheck, State::Ok, "not limited", ""};
  }
  const std::string found = "at most " + std::to_string(limit.rlim_cur / 1024) + " KiB";
  const bool may_be_the_cause = refused == EPERM && privileges().state == State::Ok;
  if (!may_be_the_cause) return {kCheck, State::Ok, found, ""};
  return {kCheck, State::Failed, found + " (RLIMIT_MEMLOCK); before Linux 5.11 BPF maps are in it",
          "give the service LimitMEMLOCK=infinity, or run it after ulimit -l unlimited"};
}

Finding exits(const StampProgram& program) {
  if (const auto& problem = program.exits_problem()) {
    return {
        "exits", State::Warning, problem->message,
        "none needed: a process that ends is reported when its silence has lasted --threshold-ms"};
  }
  if (const auto& problem = program.perf_event_problem()) return exits_without_perf_event(*problem);
  return {"exits", State::Ok, "a process that ends is reported at once", ""};
}

Finding priority() {
  constexpr rlim_t kBest = 40;  // nice -20, see RLIMIT_NICE in getrlimit(2)
  rlimit limit{};
  const bool allowed = ::getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= kBest;
  if (allowed || has(CAP_SYS_NICE)) return {"priority", State::Ok, "may run at nice -20", ""};
  return {"priority", State::Warning,
          "neither CAP_SYS_NICE nor RLIMIT_NICE: runs at its own nice value",
          "give the service LimitNICE=-20; without it busy processes may delay the observer"};
}

Finding signalling() {
  const std::string lack =
      lacking({{CAP_SETUID, "CAP_SETUID"}, {CAP_SETGID, "CAP_SETGID"}, {CAP_KILL, "CAP_KILL"}});
  if (lack.empty()) return {"signals", State::Ok, "recovery may signal agents of all users", ""};
  return {"signals", State::Warning,
          "recovery may signal agents of this user alone; missing: " + lack,
          "none needed without recovery by signals; else give the service these capabilities too"};
}

}  // namespace hb::kernel
