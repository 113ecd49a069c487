// NotifyListener: the receiving end of NOTIFY_SOCKET, in a directory of its own that only this user
// and root can enter. The kernel says who sent each message (SCM_CREDENTIALS): a process can show
// its own pid only, unless it has CAP_SYS_ADMIN.
//
// One thread. Removes socket and directory at its end.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "transport/descriptors.hpp"

namespace hb::keep {

class NotifyListener {
 public:
  struct Message {
    pid_t sender = 0;
    std::string text;
    ReceivedDescriptors descriptors;
  };

  // In $RUNTIME_DIRECTORY, /run, $XDG_RUNTIME_DIR or /tmp: the first that can be written to.
  [[nodiscard]] static Result<NotifyListener> make();
  NotifyListener(NotifyListener&& other) noexcept;
  NotifyListener& operator=(NotifyListener&&) = delete;
  ~NotifyListener();

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::string path() const { return directory_ + "/notify"; }

  // Never waits. nullopt: there is none. A message that is too long, or has more than
  // kMostDescriptors, comes with an empty text and none.
  std::optional<Message> next();

 private:
  explicit NotifyListener(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;  // empty: moved from
  Fd socket_;
};

}  // namespace hb::keep
