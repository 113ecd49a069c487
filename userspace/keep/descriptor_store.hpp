// DescriptorStore: gives descriptors to whoever started this process, who keeps them while it is
// started again: systemd (sd_pid_notify_with_fds(3), FileDescriptorStoreMax=) or `hb-ebpf keep`.
// They come back by take_inherited().
//
// What is kept is kept until it is removed, so give a descriptor only once. systemd hands those of
// one name back in no certain order: give each descriptor a name of its own. Nobody answers: a
// store that does not keep (systemd without FileDescriptorStoreMax=, a full one) says nothing.
//
// One thread.
#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "keep/notify_socket.hpp"

namespace hb::keep {

class DescriptorStore {
 public:
  // `socket` must outlive it.
  explicit DescriptorStore(NotifySocket& socket) : socket_(socket) {}

  // Waits at most two seconds for room in the queue of the other side: call it before the loop.
  [[nodiscard]] Result<> put(std::string_view name, std::span<const int> descriptors);
  // All of that name.
  [[nodiscard]] Result<> remove(std::string_view name);

 private:
  [[nodiscard]] Result<> tell(std::string_view message, std::span<const int> descriptors);

  NotifySocket& socket_;
};

}  // namespace hb::keep
