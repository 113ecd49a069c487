#include "intake/udp_intake.hpp"

#include <spdlog/spdlog.h>

#include <limits>

#include "observer/tracker.hpp"
#include "secure/key_file.hpp"

namespace hb::intake {
namespace {

// A sender that has not been heard for so many thresholds may be evicted for a new one.
constexpr std::uint64_t kLiveThresholds = 10;

Result<> read_key_file(const std::string& path, std::optional<secure::Key>& key) {
  if (path.empty()) return ok();
  auto read = secure::read_key_file(path);
  if (!read) return read.error();
  key = std::move(read).value();
  return ok();
}

std::uint64_t live_ns(std::uint64_t threshold_ns) {
  constexpr auto kForever = std::numeric_limits<std::uint64_t>::max();
  return threshold_ns > kForever / kLiveThresholds ? kForever : threshold_ns * kLiveThresholds;
}

BeatOrigin origin(const UdpConfig& options) {
  return options.accept_recovery ? BeatOrigin::OperatorAttestedTransport
                                 : BeatOrigin::NetworkUnverified;
}

void log_receive_buffer(const UdpIntake::Port& port) {
  const std::size_t bytes = port.listener->buffer_bytes();
  const bool is_less = bytes < UdpListener::kWantedBytes;
  spdlog::info("UDP {}: a receive buffer of {} bytes{}", port.where, bytes,
               is_less ? "; net.core.rmem_max allows no more without CAP_NET_ADMIN" : "");
}

}  // namespace

Result<secure::Keys> read_key_files(const std::string& key_file,
                                    const std::string& master_key_file) {
  secure::Keys keys;
  if (auto read = read_key_file(key_file, keys.shared); !read) return read.error();
  if (auto read = read_key_file(master_key_file, keys.master); !read) return read.error();
  return keys;
}

Result<std::unique_ptr<UdpIntake>> UdpIntake::open(const UdpConfig& options, secure::Keys keys,
                                                   std::uint64_t threshold_ns,
                                                   std::uint64_t start_ns) {
  if (!options.port) return std::unique_ptr<UdpIntake>();
  std::unique_ptr<UdpIntake> intake(new UdpIntake);
  if (auto wrapped = intake->wrap(std::move(keys), threshold_ns); !wrapped) return wrapped.error();
  auto own = KernelOwnAddresses::open();
  if (!own) return own.error();
  intake->own_ = std::move(own).value();
  auto addresses = options.bind_addresses;
  if (addresses.empty()) addresses.emplace_back(UdpConfig::kDefaultAddress);
  for (const auto& ip : addresses) {
    if (auto listening = intake->listen(ip, options, start_ns); !listening) {
      return listening.error();
    }
  }
  return intake;
}

Result<> UdpIntake::wrap(secure::Keys keys, std::uint64_t threshold_ns) {
  if (!keys.shared && !keys.master) {
    wrapping_ = std::make_unique<secure::NoWrapping>();
    return ok();
  }
  secure::SecureWrapping::Config config;
  config.live_ns = live_ns(threshold_ns);
  config.seed = random_seed();
  auto made = secure::SecureWrapping::with(std::move(keys), config);
  if (!made) return made.error();
  secure_ = made.value().get();
  wrapping_ = std::move(made).value();
  return ok();
}

Result<> UdpIntake::listen(const std::string& ip, const UdpConfig& options,
                           std::uint64_t start_ns) {
  const auto address = UdpAddress::of(ip, *options.port);
  if (!address) return address.error();
  auto opened = UdpListener::open(address.value());
  if (!opened) return opened.error();
  Port port{address.value().text(), std::move(opened).value(), nullptr};
  log_receive_buffer(port);
  if (secure_ == nullptr && !address.value().is_loopback()) {
    spdlog::warn("plaintext UDP at {}: anybody who can send there can claim to be any agent",
                 port.where);
  }
  port.source = std::make_unique<UdpSource>(*port.listener, *wrapping_, *own_, origin(options),
                                            Horizon(start_ns, port.listener->queue_length()));
  ports_.push_back(std::move(port));
  return ok();
}

void UdpIntake::append_totals(Totals& totals) const {
  std::uint64_t drops = 0;
  for (const Port& port : ports_) drops += port.listener->drops();
  append(totals, UdpListener::kDrops, drops);
  if (secure_ == nullptr) return;
  append(totals, secure::SenderTable::kSenders, secure_->senders().size());
  append(totals, secure::SenderTable::kForgotten, secure_->senders().forgotten());
}

}  // namespace hb::intake
