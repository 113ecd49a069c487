// RestartPlan: whether a program that has ended is started again, and when. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace hb::keep {

enum class Restart { Always, OnFailure };

class RestartPlan {
 public:
  struct Limits {
    Restart restart = Restart::OnFailure;
    std::uint64_t delay_ms = 100;   // before the first start; doubles with each end in a row
    std::uint64_t start_limit = 5;  // so many ends in a row are the last; 0: no limit
  };
  struct End {
    int code = 0;                // 128 + N: by signal N
    std::uint64_t ready_ms = 0;  // how long it had been ready
  };

  explicit RestartPlan(const Limits& limits) : limits_(limits) {}

  // The delay until the next start in ms; nullopt: it is not started again. An end after a minute
  // of readiness begins a new row.
  std::optional<std::uint64_t> after(const End& end);

 private:
  Limits limits_;
  std::uint64_t in_a_row_ = 0;
};

}  // namespace hb::keep
