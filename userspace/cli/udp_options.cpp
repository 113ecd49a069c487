#include "cli/udp_options.hpp"

#include <set>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "transport/udp_address.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kHighestPort = 65535;

CLI::Validator ip_address() {
  const auto check = [](std::string& ip) {
    const auto address = UdpAddress::of(ip, 1);
    return address ? std::string() : address.error().message;
  };
  return CLI::Validator(check, "");
}

CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& path) { return path.empty() ? std::string("the path is empty") : ""; }, "");
}

// Each address has a socket, and "::" is IPv6 alone.
void check_addresses(const std::vector<std::string>& addresses) {
  std::set<int> families;
  for (const auto& ip : addresses) {
    const auto address = UdpAddress::of(ip, 1);
    if (address && families.insert(address.value().family()).second) continue;
    throw CLI::ValidationError("--udp-bind-addr",
                               "'" + ip +
                                   "' is the second of its family: at most one IPv4 and one "
                                   "IPv6 address (0.0.0.0 and :: are all of this host's)");
  }
}

void need_port(const std::string& flag, bool given) {
  if (given) throw CLI::ValidationError(flag, "needs --udp-port");
}

}  // namespace

void declare_key_files(CLI::App& app, std::string& key_file, std::string& master_key_file) {
  app.add_option("--key-file", key_file, "Secure UDP: the key of all agents, 64 hex digits")
      ->check(not_empty())
      ->type_name("FILE");
  app.add_option("--master-key-file", master_key_file,
                 "Secure UDP: the key that the agents' keys are derived from")
      ->check(not_empty())
      ->type_name("FILE");
}

void declare_udp_options(CLI::App& run, intake::UdpConfig& o) {
  add_number(run, "--udp-port", o.port, 1, kHighestPort, "Receive over UDP too");
  run.add_option("--udp-bind-addr", o.bind_addresses,
                 "The IP address for --udp-port; may be given twice, for IPv4 and IPv6 [" +
                     std::string(intake::UdpConfig::kDefaultAddress) + "]")
      ->check(ip_address())
      ->type_name("IP")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  declare_key_files(run, o.key_file, o.master_key_file);
  run.add_flag(
         "--i-accept-plaintext-udp", o.accept_plaintext,
         "Receive UDP without keys: anybody who can send to the port can claim to be any agent")
      ->disable_flag_override();
  run.add_flag("--i-accept-recovery-on-unauthenticated-transport", o.accept_recovery,
               "Recover agents that send over UDP, although the kernel does not attest them")
      ->disable_flag_override();
}

void check_udp_options(const intake::UdpConfig& o) {
  if (!o.port) {
    need_port("--key-file", !o.key_file.empty());
    need_port("--master-key-file", !o.master_key_file.empty());
    need_port("--i-accept-plaintext-udp", o.accept_plaintext);
    need_port("--udp-bind-addr", !o.bind_addresses.empty());
    return;
  }
  check_addresses(o.bind_addresses);
  if (!o.has_keys() && !o.accept_plaintext) {
    throw CLI::ValidationError("--udp-port",
                               "anybody can send UDP and claim to be any agent: give the agents' "
                               "key (--key-file or --master-key-file), "
                               "or say --i-accept-plaintext-udp");
  }
  if (o.has_keys() && o.accept_plaintext) {
    throw CLI::ValidationError("--i-accept-plaintext-udp",
                               "with keys, no plaintext frame is accepted: leave out this flag, or "
                               "--key-file and --master-key-file");
  }
}

}  // namespace hb::cli
