#include "lab/compare/column.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/units.hpp"
#include "intake/agent_socket.hpp"
#include "intake/procfs_source.hpp"
#include "intake/ring_source.hpp"
#include "lab/compare/pidfd_source.hpp"
#include "observer/tracker.hpp"
#include "procfs/namespace_link.hpp"

namespace hb::compare {
namespace {

constexpr mode_t kAnybody = 0666;  // the sender of one scenario is unprivileged
constexpr std::uint64_t kPatience_ns = 2 * kNsPerSecond;
constexpr std::uint64_t kNoStall_ns = 3'600 * kNsPerSecond;
constexpr int kLookAgain_ms = 1;

}  // namespace

Result<std::unique_ptr<Column>> Column::open(Mechanism mechanism, const std::string& path,
                                             kernel::StampProgram& program) {
  std::unique_ptr<Column> column(new Column(mechanism, program));
  if (auto opened = column->open_socket(path); !opened) return opened.error();
  column->begin();
  return column;
}

Result<> Column::open_socket(const std::string& path) {
  // The host's queue length: `compare` must not change a sysctl.
  auto opened = intake::open_agent_socket(mechanism_ == Mechanism::Kernel ? &program_ : nullptr, 0);
  if (!opened) return opened.error();
  listener_ = std::move(opened.value().listener);
  queue_length_ = opened.value().queue_length;
  const auto inode = prepare();
  if (!inode) return inode.error();
  ns_inode_ = inode.value();
  return listener_->bind({path, kAnybody, std::nullopt});
}

// Prepares the socket for the mechanism before anybody can send. Returns the observer's namespace.
Result<std::uint32_t> Column::prepare() {
  switch (mechanism_) {
    case Mechanism::Kernel: return program_.observer_ns_inode();
    case Mechanism::Procfs: return own_pid_namespace();
    case Mechanism::Pidfd: return PidfdSource::enable(listener_->fd());
  }
  return std::uint32_t{0};
}

void Column::begin() {
  std::array<char, HB_FRAME_BYTES> thrown_away{};
  while (::recv(fd(), thrown_away.data(), thrown_away.size(), MSG_DONTWAIT) >= 0) {
  }
  observer_.reset();
  if (reads_ring()) program_.ring().drain([](kernel::RingReader::Bytes) {});
  source_ = make_source();
  Observer::Config config;
  config.threshold_ns = kNoStall_ns;
  config.policy.observer_ns_inode = ns_inode_;
  observer_ = std::make_unique<Observer>(clock_, config);
  observer_->add(*source_);
}

std::unique_ptr<Source> Column::make_source() const {
  const std::uint64_t now = clock_.now_ns();
  switch (mechanism_) {
    case Mechanism::Kernel: return make_stamped_source(now);
    case Mechanism::Procfs:
      return std::make_unique<intake::ProcfsSource>(*listener_, now, queue_length_);
    case Mechanism::Pidfd: return std::make_unique<PidfdSource>(fd(), now, queue_length_);
  }
  return nullptr;
}

std::unique_ptr<Source> Column::make_stamped_source(std::uint64_t now_ns) const {
  kernel::Config config;
  config.queue_length = queue_length_;
  if (reads_ring()) {
    return std::make_unique<intake::RingSource>(program_, *listener_, config, now_ns);
  }
  const StampTable::Seed seed{random_seed(), random_seed()};
  return std::make_unique<intake::StampedSource>(program_, *listener_, config, seed, now_ns);
}

bool Column::reads_ring() const {
  return mechanism_ == Mechanism::Kernel && program_.delivery() == kernel::Delivery::Ring;
}

Conclusion Column::conclude() {
  const std::uint64_t deadline_ns = clock_.now_ns() + kPatience_ns;
  while (clock_.now_ns() < deadline_ns) {
    while (const auto event = take()) {
      if (const auto conclusion = conclusion_of(*event)) return *conclusion;
    }
    pollfd polled{fd(), POLLIN, 0};
    ::poll(&polled, 1, kLookAgain_ms);
  }
  return Conclusion::Unknown;
}

}  // namespace hb::compare
