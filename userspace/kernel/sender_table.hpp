// SenderTable: the kernel program's table of senders (struct hb_sender), read from its own memory
// mapping. No system call.
//
// Senders write it at any moment; an entry that changes hands while it is read is told apart by its
// generation. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "stamp.h"

namespace hb::kernel {

// When a process last tried to send a frame of its own.
struct Attempt {
  std::uint64_t at_ns;                 // CLOCK_MONOTONIC inside sendmsg(2)
  std::optional<hb_drop> refused_for;  // empty: it was stamped
};

class SenderTable {
 public:
  // Maps `senders` entries of the array behind `map_fd`. The descriptor is not kept.
  static Result<std::unique_ptr<SenderTable>> map(int map_fd, std::size_t senders);
  SenderTable(const SenderTable&) = delete;
  SenderTable& operator=(const SenderTable&) = delete;
  ~SenderTable();

  // `slot` as in the process's stamps. Empty where that process is not known any more, or has never
  // sent anything that looked like a frame of its own.
  [[nodiscard]] std::optional<Attempt> last_attempt(std::uint32_t slot,
                                                    std::uint64_t generation_ns) const;

 private:
  SenderTable(void* memory, std::size_t bytes, std::size_t senders)
      : memory_(memory), bytes_(bytes), senders_(senders) {}

  void* const memory_;
  const std::size_t bytes_;
  const std::size_t senders_;
};

}  // namespace hb::kernel
