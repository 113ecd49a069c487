#include "publish/totals_layout.hpp"

#include <algorithm>

namespace hb {
namespace {

std::size_t values_of(const Metric& metric) {
  return std::max<std::size_t>(1, metric.values.size());
}

}  // namespace

TotalsLayout::TotalsLayout(std::span<const Metric* const> metrics) : metrics_(metrics) {
  for (const Metric* metric : metrics_) {
    places_.push_back(size_);
    size_ += values_of(*metric);
  }
}

void TotalsLayout::put(const Totals& totals, Figures& figures) {
  figures.has_total = {};
  figures.totals = {};
  for (const Total& total : totals) {
    for (std::size_t n = 0; n < metrics_.size() && metrics_[cursor_] != total.metric; ++n) {
      cursor_ = (cursor_ + 1) % metrics_.size();
    }
    if (metrics_[cursor_] != total.metric) continue;
    const std::size_t label =
        total.label != nullptr ? static_cast<std::size_t>(total.label - total.metric->values.data())
                               : 0;
    const std::size_t place = places_[cursor_] + label;
    if (place >= kMaxTotals) continue;
    figures.totals[place] = total.value;
    figures.has_total[place / 64] |= std::uint64_t{1} << place % 64;
  }
}

std::size_t TotalsLayout::place_of(const Metric& metric) const {
  const auto found = std::find(metrics_.begin(), metrics_.end(), &metric);
  if (found == metrics_.end()) return size_;
  return places_[static_cast<std::size_t>(found - metrics_.begin())];
}

std::uint64_t TotalsLayout::value(const Figures& figures, const Metric& metric,
                                  std::size_t label) const {
  const std::size_t place = place_of(metric) + label;
  return place < std::min(size_, kMaxTotals) ? figures.totals[place] : 0;
}

std::uint64_t TotalsLayout::sum(const Figures& figures, const Metric& metric) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values_of(metric); ++i) sum += value(figures, metric, i);
  return sum;
}

bool TotalsLayout::has(const Figures& figures, const Metric& metric) const {
  const std::size_t place = place_of(metric);
  if (place >= std::min(size_, kMaxTotals)) return false;
  return (figures.has_total[place / 64] >> place % 64 & 1) != 0;
}

}  // namespace hb
