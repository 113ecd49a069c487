// The flags of `hb-ebpf run` for UDP.
#pragma once

#include <string>

#include "cli/cli11_fwd.hpp"
#include "intake/config.hpp"

namespace hb::cli {

void declare_udp_options(CLI::App& run, intake::UdpConfig& config);

// Checks combinations of flags. Throws CLI::ValidationError.
void check_udp_options(const intake::UdpConfig& config);

// --key-file and --master-key-file, which agents have too.
void declare_key_files(CLI::App& app, std::string& key_file, std::string& master_key_file);

}  // namespace hb::cli
