// UdpIntake: the UDP socket, its wrapping and its source.
//
// Owns them. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

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

  [[nodiscard]] Source& source() { return *source_; }
  [[nodiscard]] int fd() const { return listener_->fd(); }
  [[nodiscard]] const std::string& where() const { return where_; }  // "127.0.0.1:4711"

  void append_totals(Totals& totals) const;

 private:
  UdpIntake() = default;

  Result<> listen(const UdpConfig& options);
  void log_receive_buffer() const;
  Result<> wrap(secure::Keys keys, std::uint64_t threshold_ns);

  std::string where_;
  std::unique_ptr<UdpListener> listener_;
  std::unique_ptr<secure::Wrapping> wrapping_;
  std::optional<KernelOwnAddresses> own_;
  secure::SecureWrapping* secure_ = nullptr;  // wrapping_, when it is one
  std::unique_ptr<UdpSource> source_;
};

}  // namespace hb::intake
