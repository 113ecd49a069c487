// Configuration of the sockets and of attestation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/stamp_program.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

struct UdpConfig {
  static constexpr const char* kDefaultAddress = "127.0.0.1";

  std::optional<std::uint16_t> port;        // unset: no UDP at all
  std::vector<std::string> bind_addresses;  // at most one of each family; empty: kDefaultAddress
  std::string key_file;                     // empty: not given
  std::string master_key_file;              // likewise
  bool accept_plaintext = false;
  bool accept_recovery = false;  // its beats have the origin operator_attested_transport

  [[nodiscard]] bool has_keys() const { return !key_file.empty() || !master_key_file.empty(); }
};

// Where agents send.
struct SocketPlaces {
  SocketPlace agents;
  std::optional<SocketPlace> notify;  // by systemd's notify protocol; unset: nowhere
};

struct IntakeConfig {
  kernel::Config kernel;
  UdpConfig udp;
  // A successor may go on with socket and program: what has been handled is noted for it. With
  // Delivery::Ring.
  bool is_kept = false;
  std::uint64_t threshold_ns = 2'000'000'000;  // decides how long network senders are remembered
};

}  // namespace hb::intake
