// SenderTable: the kernel program's table of senders (struct hb_sender), read through mmap(2).
//
// The kernel program writes it concurrently; an entry that is reused while it is read is detected
// by its generation. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "identity/comm.hpp"
#include "stamp.h"

namespace hb::kernel {

// The last time that a process sent a frame that claims its own pid.
struct Attempt {
  std::uint64_t at_ns;                 // CLOCK_MONOTONIC inside sendmsg(2)
  std::optional<hb_drop> refused_for;  // empty: it was stamped
};

// A signal that ends the process, after it has written its core if it writes one.
struct FatalSignal {
  std::uint64_t at_ns;  // CLOCK_MONOTONIC at its delivery
  std::uint32_t number;
};

class SenderTable {
 public:
  // Maps `senders` entries of the array behind `map_fd`. The descriptor is not kept.
  static Result<std::unique_ptr<SenderTable>> map(int map_fd, std::size_t senders);
  SenderTable(const SenderTable&) = delete;
  SenderTable& operator=(const SenderTable&) = delete;
  ~SenderTable();

  // `slot` as in the process's stamps. Empty if the process is not known any more, or never
  // attempted.
  [[nodiscard]] std::optional<Attempt> last_attempt(std::uint32_t slot,
                                                    std::uint64_t generation_ns) const;

  // The process's name at its last attempt, or up to 1.07 s before that. Not known if the process
  // is not, or never attempted. If it has just changed its name, a mixture of both.
  [[nodiscard]] Comm comm(std::uint32_t slot, std::uint64_t generation_ns) const;

  // Of a process that has not ended yet: it may be writing its core. Empty where this is not
  // traced, see StampProgram.
  [[nodiscard]] std::optional<FatalSignal> fatal(std::uint32_t slot,
                                                 std::uint64_t generation_ns) const;

 private:
  SenderTable(void* memory, std::size_t bytes, std::size_t senders)
      : memory_(memory), bytes_(bytes), senders_(senders) {}

  // nullptr: the entry is another process's. To be called again after reading it: only then was
  // what was read this one's.
  [[nodiscard]] hb_sender* find(std::uint32_t slot, std::uint64_t generation_ns) const;

  void* const memory_;
  const std::size_t bytes_;
  const std::size_t senders_;
};

}  // namespace hb::kernel
