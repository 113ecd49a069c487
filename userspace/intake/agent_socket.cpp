#include "intake/agent_socket.hpp"

#include <utility>

#include "procfs/queue_length.hpp"

namespace hb::intake {

Result<AgentSocket> open_agent_socket(kernel::StampProgram* program, std::uint64_t queue_length) {
  const bool by_ring = program != nullptr && program->delivery() == kernel::Delivery::Ring;
  QueueLength queue(by_ring ? 0 : queue_length);
  auto listener = UnixListener::open();
  queue.restore();
  if (!listener) return listener.error();
  AgentSocket socket{std::move(listener).value(), queue.in_force(), queue.problem()};
  if (program == nullptr) return socket;
  if (auto attached = program->attach(socket.listener->fd()); !attached) return attached.error();
  program->set_queue_length(socket.queue_length);
  return socket;
}

}  // namespace hb::intake
