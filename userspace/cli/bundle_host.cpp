#include "cli/bundle_host.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "daemon/privileges.hpp"
#include "procfs/host_facts.hpp"

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSysctls[] = {"kernel.unprivileged_bpf_disabled",
                                    "kernel.perf_event_paranoid",
                                    "kernel.kptr_restrict",
                                    "kernel.yama.ptrace_scope",
                                    "net.core.bpf_jit_enable",
                                    "net.core.bpf_jit_harden",
                                    "net.core.wmem_default",
                                    "net.unix.max_dgram_qlen"};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "unknown";
}

std::string distribution() {
  constexpr std::string_view kName = "PRETTY_NAME=";
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kName)) continue;
    std::erase(line, '"');
    return line.substr(kName.size());
  }
  return "unknown";
}

Json btf() {
  struct stat seen {};
  constexpr const char* kPath = "/sys/kernel/btf/vmlinux";
  if (::stat(kPath, &seen) != 0) return {{"path", kPath}, {"bytes", nullptr}};
  return {{"path", kPath}, {"bytes", seen.st_size}};
}

Json sysctls() {
  Json all = Json::object();
  for (const char* name : kSysctls) {
    const auto value = read_sysctl(name);
    all[name] = value ? Json(value.value()) : Json(nullptr);
  }
  return all;
}

Json mounts() {
  const auto found = cgroup_mounts();
  return found ? Json(found.value()) : Json(found.error().message);
}

Json limit(int resource) {
  rlimit found{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &found) != 0) return nullptr;
  const auto shown = [](rlim_t value) {
    return value == RLIM_INFINITY ? Json("unlimited") : Json(value);
  };
  return {{"soft", shown(found.rlim_cur)}, {"hard", shown(found.rlim_max)}};
}

// Their numbers, as in linux/capability.h.
Json permitted_capabilities() {
  constexpr int kMost = 64;
  Json numbers = Json::array();
  for (int one = 0; one < kMost; ++one) {
    if (daemon::is_permitted(one)) numbers.push_back(one);
  }
  return numbers;
}

}  // namespace

Json bundle_kernel() {
  utsname system{};
  ::uname(&system);
  return {{"release", system.release},
          {"version", system.version},
          {"machine", system.machine},
          {"distribution", distribution()},
          {"btf", btf()},
          {"lockdown", first_line("/sys/kernel/security/lockdown")},
          {"security_modules", first_line("/sys/kernel/security/lsm")},
          {"sysctls", sysctls()},
          {"cgroup_mounts", mounts()},
          {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)}};
}

Json bundle_process() {
  return {{"uid", ::geteuid()},
          {"permitted_capabilities", permitted_capabilities()},
          {"limits",
           {{"descriptors", limit(RLIMIT_NOFILE)},
            {"locked_memory", limit(RLIMIT_MEMLOCK)},
            {"address_space", limit(RLIMIT_AS)},
            {"nice", limit(RLIMIT_NICE)}}}};
}

}  // namespace hb::cli
