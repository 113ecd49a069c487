// A comparison as text for a person and as JSON, TAP and JUnit XML for machines. Pure functions;
// each yields whole lines.
#pragma once

#include <string>

#include "lab/compare/comparison.hpp"

namespace hb::compare {

// A table; what is wrong stands out, with or without colour.
[[nodiscard]] std::string as_text(const Comparison& comparison, bool colour);

// As the contract has it.
[[nodiscard]] std::string as_json(const Comparison& comparison);

// TAP version 13 and JUnit XML: a test for each scenario, which passes when the kernel column is
// right. What is not available is skipped.
[[nodiscard]] std::string as_tap(const Comparison& comparison);
[[nodiscard]] std::string as_junit(const Comparison& comparison);

// "beat"; "beat, wrong 3 of 20".
[[nodiscard]] std::string told(const Cell& cell, std::uint64_t repeats);

}  // namespace hb::compare
