#include "intake/agent_socket.hpp"

#include <utility>

#include "procfs/queue_length.hpp"

namespace hb::intake {

Result<AgentSocket> open_agent_socket(kernel::StampProgram* program, std::uint64_t queue_length,
                                      Fd passed) {
  const bool by_ring = program != nullptr && program->delivery() == kernel::Delivery::Ring;
  QueueLength queue(by_ring ? 0 : queue_length);
  auto listener = passed ? UnixListener::open_passed(std::move(passed)) : UnixListener::open();
  queue.restore();
  if (!listener) return listener.error();
  AgentSocket socket{std::move(listener).value(), queue.in_force(), queue.problem()};
  if (program == nullptr) return socket;
  using Lock = kernel::StampProgram::Lock;
  const Lock lock = socket.listener->is_passed() ? Lock::No : Lock::Yes;
  auto attached = program->attach(socket.listener->fd(), lock);
  if (!attached) return attached.error();
  program->set_queue_length(socket.queue_length);
  return socket;
}

}  // namespace hb::intake
