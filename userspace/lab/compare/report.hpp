// A comparison as text, JSON, TAP and JUnit XML. Pure functions; each returns whole lines.
#pragma once

#include <string>

#include "lab/compare/comparison.hpp"

namespace hb::compare {

// A table; wrong verdicts are marked, also without colour.
[[nodiscard]] std::string as_text(const Comparison& comparison, bool colour);

// As contracted.
[[nodiscard]] std::string as_json(const Comparison& comparison);

// TAP version 13 and JUnit XML: a test for each scenario, which passes when the kernel column is
// right. What is not available is skipped.
[[nodiscard]] std::string as_tap(const Comparison& comparison);
[[nodiscard]] std::string as_junit(const Comparison& comparison);

// "beat"; "beat, wrong 3 of 20".
[[nodiscard]] std::string told(const Cell& cell, std::uint64_t repeats);

}  // namespace hb::compare
