#include "lab/compare/comparison.hpp"

#include <algorithm>

namespace hb::compare {
namespace {

template <typename Predicate>
std::size_t count(const std::vector<Row>& rows, Predicate predicate) {
  return static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), predicate));
}

}  // namespace

std::size_t Comparison::wrong(Mechanism mechanism) const {
  return count(rows, [&](const Row& row) { return row.cells[mechanism].wrong != 0; });
}

std::size_t Comparison::unavailable() const {
  return count(rows, [](const Row& row) { return row.repeats == 0; });
}

bool Comparison::proves_kernel() const {
  return unavailable() < rows.size() && wrong(Mechanism::Kernel) == 0;
}

}  // namespace hb::compare
