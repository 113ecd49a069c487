#include "kernel/diagnosis.hpp"

#include <bpf/libbpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include "kernel/diagnosis_privileges.hpp"
#include "kernel/libbpf_log.hpp"

namespace hb::kernel {
namespace {

using State = Finding::State;

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
constexpr const char* kLockdown = "/sys/kernel/security/lockdown";

Finding kernel_release() {
  utsname system{};
  ::uname(&system);
  const std::string found = std::string("Linux ") + system.release;
  if (kernel_is_at_least(5, 10)) return {"kernel", State::Ok, found, ""};
  return {"kernel", State::Warning, found,
          std::string(kOldestKernel) + " is the oldest kernel this is tested on; upgrade"};
}

Finding btf() {
  if (::access(kBtf, R_OK) == 0) return {"btf", State::Ok, kBtf, ""};
  return {"btf", State::Failed, std::string("no readable ") + kBtf,
          "run a kernel built with CONFIG_DEBUG_INFO_BTF=y (every Debian kernel since 5.10 is)"};
}

Finding bpf_system_call() {
  LibbpfLog quiet;
  const int supported = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr);
  if (supported == 1) return {"ring buffer", State::Ok, "bpf(2) makes ring buffers", ""};
  return {"ring buffer", State::Failed, "bpf(2) cannot make a ring buffer",
          "in a container, allow bpf(2) in its seccomp profile and start it with CAP_BPF, "
          "CAP_PERFMON in the initial user namespace; on a host, run Linux 5.8 or newer"};
}

Finding lockdown() {
  std::ifstream file(kLockdown);
  std::string modes;
  if (!std::getline(file, modes)) return {"lockdown", State::Ok, "off or unknown", ""};
  if (modes.find("[confidentiality]") == std::string::npos) {
    return {"lockdown", State::Ok, modes, ""};
  }
  return {"lockdown", State::Warning, modes,
          "none needed if attestation below is ok, as on Linux 6.1 and newer; else boot without "
          "lockdown=confidentiality"};
}

std::string how_it_reads(const StampProgram& program) {
  return std::string("the self-test passed; reads by ") + name(program.read_method()) +
         (program.reads_credentials() ? ", credentials included" : ", without credentials");
}

Finding no_attestation(const Error& error) {
  if (error.code == ENOMEM) {
    return {"attestation", State::Failed, error.message, "give it more memory"};
  }
  return {"attestation", State::Failed, error.message,
          "fix what fails above; if nothing does, run again with --log-level debug and report the "
          "verifier's log"};
}

Finding core_dumps(const StampProgram& program) {
  const auto& problem = program.fatal_problem();
  if (!problem) {
    return {"core dumps", State::Ok, "it is known which process may be writing its core", ""};
  }
  return {"core dumps", State::Warning, problem->message,
          "none needed: a process that is writing its core is silent like any other"};
}

Finding descriptors(const StampProgram& program) {
  if (program.reads_credentials()) {
    return {"descriptors", State::Ok, "a datagram that carries descriptors is dropped", ""};
  }
  return {"descriptors", State::Warning,
          "the program cannot see whether a datagram carries any: frames are delivered in their "
          "stamps, as with --delivery ring, and a sender gets no EAGAIN when the ring is full",
          "none needed; on Linux 6.2 and newer it can be seen under lockdown too"};
}

void attestation(const Config& config, std::vector<Finding>& findings) {
  Config plain = config;
  plain.correlate_skb = false;
  const auto program = StampProgram::open(plain);
  findings.push_back(locked_memory(program ? 0 : program.error().code));
  if (!program) {
    findings.push_back(no_attestation(program.error()));
    return;
  }
  findings.push_back({"attestation", State::Ok, how_it_reads(*program.value()), ""});
  findings.push_back(descriptors(*program.value()));
  findings.push_back(exits(*program.value()));
  findings.push_back(core_dumps(*program.value()));
}

Finding exact_correlation(const Config& config) {
  Config exact = config;
  exact.correlate_skb = true;
  const auto program = StampProgram::open(exact);
  if (program) return {"correlate skb", State::Ok, "receipts are traced", ""};
  return {"correlate skb", State::Warning, program.error().message,
          "leave --correlate at content; only --correlate skb needs this"};
}

}  // namespace

std::vector<Finding> diagnose(const Config& config) {
  std::vector<Finding> findings{kernel_release(), btf(), privileges(), bpf_system_call(),
                                lockdown()};
  attestation(config, findings);
  if (!any_failed(findings)) findings.push_back(exact_correlation(config));
  findings.push_back(priority());
  findings.push_back(signalling());
  return findings;
}

std::string libbpf_version() {
  return std::to_string(libbpf_major_version()) + "." + std::to_string(libbpf_minor_version());
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.state == State::Failed; });
}

}  // namespace hb::kernel
