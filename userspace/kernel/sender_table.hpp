// SenderTable: the kernel program's table of senders (struct hb_sender), read from its own memory
// mapping. No system call.
//
// Senders write it at any moment; an entry that changes hands while it is read is told apart by its
// generation. One thread.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "observer/attempt_watch.hpp"
#include "stamp.h"

namespace hb::kernel {

class SenderTable final : public AttemptWatch {
 public:
  // Maps `senders` entries of the array behind `map_fd`. The descriptor is not kept.
  static Result<std::unique_ptr<SenderTable>> map(int map_fd, std::size_t senders);
  SenderTable(const SenderTable&) = delete;
  SenderTable& operator=(const SenderTable&) = delete;
  ~SenderTable() override;

  [[nodiscard]] std::optional<LastAttempt> last_attempt(std::uint32_t slot,
                                                        std::uint64_t generation_ns) const override;

 private:
  SenderTable(void* memory, std::size_t bytes, std::size_t senders)
      : memory_(memory), bytes_(bytes), senders_(senders) {}

  void* const memory_;
  const std::size_t bytes_;
  const std::size_t senders_;
};

}  // namespace hb::kernel
