// UdpIntake: the UDP sockets, one for each address, their sources, and the wrapping of all: one
// agent may send to either.
//
// Owns them. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "intake/config.hpp"
#include "intake/udp_source.hpp"
#include "observer/source.hpp"
#include "report/totals.hpp"
#include "secure/key.hpp"
#include "secure/secure_wrapping.hpp"
#include "transport/own_addresses.hpp"
#include "transport/udp_listener.hpp"

namespace hb::intake {

// Reads the key files; an empty path means none. The Error is one of configuration.
[[nodiscard]] Result<secure::Keys> read_key_files(const std::string& key_file,
                                                  const std::string& master_key_file);

class UdpIntake {
 public:
  // nullptr when UDP is not configured. Afterwards agents can send.
  static Result<std::unique_ptr<UdpIntake>> open(const UdpConfig& options, secure::Keys keys,
                                                 std::uint64_t threshold_ns,
                                                 std::uint64_t start_ns);

  struct Port {
    std::string where;  // "127.0.0.1:4711"
    std::unique_ptr<UdpListener> listener;
    std::unique_ptr<UdpSource> source;
  };
  [[nodiscard]] const std::vector<Port>& ports() const { return ports_; }

  void append_totals(Totals& totals) const;

 private:
  UdpIntake() = default;

  Result<> listen(const std::string& ip, const UdpConfig& options, std::uint64_t start_ns);
  Result<> wrap(secure::Keys keys, std::uint64_t threshold_ns);

  std::unique_ptr<secure::Wrapping> wrapping_;
  std::optional<KernelOwnAddresses> own_;
  secure::SecureWrapping* secure_ = nullptr;  // wrapping_, when it is one
  std::vector<Port> ports_;
};

}  // namespace hb::intake
