// Findings: everything that a run has measured, row by row, in the order in which it was found; and
// what could not be measured, with the reason.
//
// Rows that are compared with each other are measured in turns, so their samples belong together
// round by round. Owned by whoever runs the measurements. One thread.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/samples.hpp"

namespace hb::bench {

struct Row {
  std::string name;  // "observer/kernel-socket"
  std::string unit;  // "ns/frame"
  Samples samples;
  std::string note;   // what a reader must know beside the number
  bool tail = false;  // its 99th percentile matters as much as its median
};

// Not measured: this kernel or this build has not got what it takes.
struct Missing {
  std::string name;
  std::string why;
};

class Findings {
 public:
  // One more sample; the first one makes the row.
  void add(const std::string& name, const std::string& unit, double sample);
  void add_tail(const std::string& name, const std::string& unit, double sample);
  void note(const std::string& name, const std::string& text);

  void missing(const std::string& name, const std::string& why);
  // A measurement that broke off. What it had found stays.
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
