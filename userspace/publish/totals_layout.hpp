// TotalsLayout: where the value of each metric, and of each value of its label, has its place in
// Figures::totals.
//
// One thread for put(). Allocates at construction only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/metric.hpp"
#include "publish/board.hpp"
#include "report/totals.hpp"

namespace hb {

class TotalsLayout {
 public:
  // At most kMaxTotals values have room; what is more is left out, which a test rules out.
  explicit TotalsLayout(std::span<const Metric* const> metrics);

  // `totals` may lack metrics. Replaces all that was there.
  void put(const Totals& totals, Figures& figures);

  [[nodiscard]] std::span<const Metric* const> metrics() const { return metrics_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  // Of a metric with a label: the value of its `label`th.
  [[nodiscard]] std::uint64_t value(const Figures& figures, const Metric& metric,
                                    std::size_t label = 0) const;
  [[nodiscard]] std::uint64_t sum(const Figures& figures, const Metric& metric) const;
  // Whether this run counts it.
  [[nodiscard]] bool has(const Figures& figures, const Metric& metric) const;

 private:
  [[nodiscard]] std::size_t place_of(const Metric& metric) const;  // size_: nowhere

  const std::span<const Metric* const> metrics_;
  std::vector<std::size_t> places_;  // of the first value of each metric
  std::size_t size_ = 0;
  std::size_t cursor_ = 0;  // put() finds the next metric mostly here
};

}  // namespace hb
