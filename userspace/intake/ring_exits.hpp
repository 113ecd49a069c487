// RingExits: reads the exits that the kernel program reports from their ring.
//
// Borrows the ring, which must outlive it. One thread.
#pragma once

#include <optional>

#include "kernel/ring_reader.hpp"
#include "observer/exit_watch.hpp"

namespace hb::intake {

class RingExits final : public ExitWatch {
 public:
  explicit RingExits(kernel::RingReader& ring) : ring_(ring) {}

  const ProcessExit* front() override;
  void take() override { front_.reset(); }
  [[nodiscard]] std::optional<ProcessExit> find(std::uint32_t pid,
                                                std::uint64_t generation_ns) const override;

 private:
  kernel::RingReader& ring_;
  std::optional<ProcessExit> front_;
};

}  // namespace hb::intake
