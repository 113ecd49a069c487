// What `hb-ebpf run` can be told about UDP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/cli11_fwd.hpp"

namespace hb::cli {

struct UdpOptions {
  std::optional<std::uint16_t> port;  // unset: no UDP at all
  std::string bind_address = "127.0.0.1";
  std::string key_file;         // empty: not given
  std::string master_key_file;  // likewise
  bool accept_plaintext = false;
  bool accept_recovery = false;  // its beats count as attested by the operator

  [[nodiscard]] bool has_keys() const { return !key_file.empty() || !master_key_file.empty(); }
};

void declare_udp_options(CLI::App& run, UdpOptions& options);

// What only the flags together can get wrong. Throws CLI::ValidationError.
void check_udp_options(const UdpOptions& options);

// --key-file and --master-key-file, which agents have too.
void declare_key_files(CLI::App& app, std::string& key_file, std::string& master_key_file);

}  // namespace hb::cli
