#include "cli/intake.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include "cli/stamp_totals.hpp"
#include "observer/tracker.hpp"
#include "procfs/namespace_link.hpp"
#include "procfs/procfs_source.hpp"
#include "procfs/queue_length.hpp"

namespace hb::cli {

Result<std::unique_ptr<Intake>> Intake::open(const RunOptions& options,
                                             std::unique_ptr<kernel::StampProgram> program,
                                             std::uint64_t start_ns) {
  std::unique_ptr<Intake> intake(new Intake(std::move(program)));
  if (auto opened = intake->open_socket(options.queue_length); !opened) return opened.error();
  if (intake->program_) {
    intake->attest_by_kernel(options, start_ns);
  } else {
    intake->attest_by_procfs(start_ns);
  }
  return intake;
}

Status Intake::open_socket(std::uint64_t wanted_queue_length) {
  QueueLength queue(wanted_queue_length);
  auto listener = UnixListener::open();
  queue.restore();
  if (!listener) return listener.error();
  listener_ = std::move(listener).value();
  queue_length_ = queue.in_force();
  if (queue.problem()) spdlog::warn("{}", queue.problem()->message);
  return program_ ? program_->attach(listener_->fd()) : ok();
}

void Intake::attest_by_kernel(const RunOptions& options, std::uint64_t start_ns) {
  kernel::Config config = options.kernel_config();
  config.queue_length = queue_length_;
  auto source = std::make_unique<kernel::StampedSource>(
      *program_, *listener_, config, StampTable::Seed{random_seed(), random_seed()}, start_ns);
  stamped_ = source.get();
  source_ = std::move(source);
  ns_inode_ = program_->observer_ns_inode();
}

void Intake::attest_by_procfs(std::uint64_t start_ns) {
  source_ = std::make_unique<ProcfsSource>(*listener_, start_ns, queue_length_);
  const auto inode = own_pid_namespace();
  if (inode) {
    ns_inode_ = inode.value();
  } else {
    spdlog::warn("{}: every agent will seem to be of another namespace", inode.error().message);
  }
}

// The old way looks into other processes all the time; the stamps need nothing.
std::optional<int> Intake::needed_capability() const {
  if (program_) return std::nullopt;
  return CAP_SYS_PTRACE;
}

void Intake::append_totals(Totals& totals) const {
  if (stamped_ != nullptr) cli::append_totals(totals, stamped_->counters());
}

}  // namespace hb::cli
