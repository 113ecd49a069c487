// RingExits: reads the exits that the kernel program reports from their ring.
//
// Where a successor may go on, the exit in hand is noted in the program's memory until the next one
// is asked for: then it has been told.
//
// Borrows the ring, which must outlive it. One thread.
#pragma once

#include <optional>

#include "kernel/ring_reader.hpp"
#include "observer/exit_watch.hpp"
#include "stamp.h"

namespace hb::intake {

class RingExits final : public ExitWatch {
 public:
  // `progress`: the program's, where a successor may go on; else nullptr.
  explicit RingExits(kernel::RingReader& ring, hb_progress* progress = nullptr);

  const ProcessExit* front() override;
  void take() override { front_.reset(); }
  [[nodiscard]] std::optional<ProcessExit> find(std::uint32_t pid,
                                                std::uint64_t generation_ns) const override;

 private:
  void hold(const hb_exit& gone);

  kernel::RingReader& ring_;
  hb_progress* const progress_;
  bool may_be_twice_ = false;  // the exit that was held may be in the ring still
  std::optional<ProcessExit> front_;
};

}  // namespace hb::intake
