// Findings: the results of a run, row by row, and what could not be measured, with the reason.
//
// Rows that are compared are measured alternately: their n-th samples are of the same round. One
// thread.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/samples.hpp"

namespace hb::bench {

struct Row {
  std::string name;  // "observer/kernel-socket"
  std::string unit;  // "ns/frame"
  Samples samples;
  std::string note;   // an explanation
  bool tail = false;  // the 99th percentile is reported too
};

// A row that this kernel or this build cannot measure.
struct Missing {
  std::string name;
  std::string why;
};

class Findings {
 public:
  // Adds a sample; the first one creates the row.
  void add(const std::string& name, const std::string& unit, double sample);
  void add_tail(const std::string& name, const std::string& unit, double sample);
  void note(const std::string& name, const std::string& text);

  void missing(const std::string& name, const std::string& why);
  // A measurement that failed; its results so far are kept.
  void failed(const std::string& measurement, const std::string& why);

  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] const std::vector<Missing>& missing() const { return missing_; }
  [[nodiscard]] const std::vector<Missing>& failures() const { return failures_; }

  // Empty when there is no such row.
  [[nodiscard]] Samples samples(const std::string& name) const;

 private:
  Row& row(const std::string& name, const std::string& unit);

  std::vector<Row> rows_;
  std::vector<Missing> missing_;
  std::vector<Missing> failures_;
};

}  // namespace hb::bench
