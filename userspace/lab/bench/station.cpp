#include "lab/bench/station.hpp"

#include <poll.h>

#include <array>

#include "base/units.hpp"
#include "intake/agent_socket.hpp"
#include "intake/procfs_source.hpp"
#include "intake/ring_source.hpp"
#include "intake/stamped_source.hpp"
#include "lab/bench/raw_source.hpp"
#include "lab/bench/time.hpp"
#include "procfs/namespace_link.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kNever_ns = 3'600 * kNsPerSecond;  // longer than any run

}  // namespace

Result<std::unique_ptr<Station>> Station::open(Way way, const std::string& path,
                                               const StationConfig& config) {
  std::unique_ptr<Station> station(new Station(way, path));
  if (auto opened = station->open_program(config); !opened) return opened.error();
  if (auto opened = station->open_socket(config); !opened) return opened.error();
  if (auto opened = station->open_source(); !opened) return opened.error();
  return station;
}

Result<> Station::open_program(const StationConfig& config) {
  if (!is_kernel(way_)) {
    const auto inode = own_pid_namespace();
    if (!inode) return inode.error();
    ns_inode_ = inode.value();
    return ok();
  }
  if (way_ == Way::KernelRing) kernel_config_.delivery = kernel::Delivery::Ring;
  kernel_config_.max_beat_rate = config.max_beat_rate;
  auto program = kernel::StampProgram::open(kernel_config_);
  if (!program) return program.error();
  program_ = std::move(program).value();
  ns_inode_ = program_->observer_ns_inode();
  return ok();
}

Result<> Station::open_socket(const StationConfig& config) {
  auto opened = intake::open_agent_socket(program_.get(), config.queue_length);
  if (!opened) return opened.error();
  if (opened.value().queue_problem) return *opened.value().queue_problem;
  listener_ = std::move(opened.value().listener);
  kernel_config_.queue_length = opened.value().queue_length;
  return listener_->bind({path_, 0600, std::nullopt});
}

Result<> Station::open_source() {
  const std::uint64_t start_ns = clock_.now_ns();
  const std::uint64_t queue_length = kernel_config_.queue_length;
  const StampTable::Seed seed{random_seed(), random_seed()};
  switch (way_) {
    case Way::Raw:
      source_ = std::make_unique<RawSource>(*listener_, ns_inode_, start_ns, queue_length);
      break;
    case Way::Procfs:
      source_ = std::make_unique<intake::ProcfsSource>(*listener_, start_ns, queue_length);
      break;
    case Way::KernelSocket:
      source_ = std::make_unique<intake::StampedSource>(*program_, *listener_, kernel_config_, seed,
                                                        start_ns);
      break;
    case Way::KernelRing:
      source_ =
          std::make_unique<intake::RingSource>(*program_, *listener_, kernel_config_, start_ns);
      break;
  }
  Observer::Config config;
  config.threshold_ns = kNever_ns;
  config.policy.observer_ns_inode = ns_inode_;
  observer_ = std::make_unique<Observer>(clock_, config);
  observer_->add(*source_);
  return ok();
}

std::uint64_t Station::drain() {
  const std::uint64_t before = observer_->counters().beats;
  while (observer_->poll()) {
  }
  return observer_->counters().beats - before;
}

void Station::wait(int stop_fd) const {
  const std::uint64_t now = clock_.now_ns();
  const std::uint64_t wake = observer_->wake_ns();
  const timespec timeout = as_timespec(wake > now ? wake - now : 0);
  std::array<pollfd, 2> polled{{{listener_->fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
  ::ppoll(polled.data(), polled.size(), wake == Source::kNever ? nullptr : &timeout, nullptr);
}

}  // namespace hb::bench
