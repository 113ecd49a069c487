#include "lab/bench/findings.hpp"

#include <algorithm>

namespace hb::bench {

Row& Findings::row(const std::string& name, const std::string& unit) {
  const auto same = [&](const Row& row) { return row.name == name; };
  const auto found = std::find_if(rows_.begin(), rows_.end(), same);
  if (found != rows_.end()) return *found;
  return rows_.emplace_back(Row{name, unit, {}, {}});
}

void Findings::add(const std::string& name, const std::string& unit, double sample) {
  row(name, unit).samples.push_back(sample);
}

void Findings::add_tail(const std::string& name, const std::string& unit, double sample) {
  Row& found = row(name, unit);
  found.samples.push_back(sample);
  found.tail = true;
}

void Findings::note(const std::string& name, const std::string& text) {
  for (Row& row : rows_) {
    if (row.name == name) row.note = text;
  }
}

void Findings::missing(const std::string& name, const std::string& why) {
  missing_.push_back({name, why});
}

void Findings::failed(const std::string& measurement, const std::string& why) {
  failures_.push_back({measurement, why});
}

Samples Findings::samples(const std::string& name) const {
  for (const Row& row : rows_) {
    if (row.name == name) return row.samples;
  }
  return {};
}

}  // namespace hb::bench
