#include "lab/compare/runner.hpp"

#include <poll.h>
#include <sys/utsname.h>

#include <cerrno>

namespace hb::compare {
namespace {

bool is_stopped(const Plan& plan) {
  pollfd polled{plan.stop_fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

std::string release() {
  utsname system{};
  ::uname(&system);
  return system.release;
}

void score(Row& row, const Observed& observed) {
  row.repeats++;
  row.note = observed.note;
  for (const Mechanism mechanism : kMechanisms) {
    const Conclusion conclusion = observed.conclusions[mechanism];
    Cell& cell = row.cells[mechanism];
    const bool wrong = is_wrong(conclusion, row.scenario->truth);
    if (wrong || cell.wrong == 0) cell.conclusion = conclusion;
    if (wrong) cell.wrong++;
  }
}

// Results before a failed attempt are kept.
void give_up(Row& row, const std::string& why) {
  if (row.repeats == 0) {
    row.unavailable = why;
  } else {
    row.note = "after " + std::to_string(row.repeats) + ": " + why;
  }
}

Row play(const Plan& plan, const Scenario& scenario, std::size_t index, Columns& columns) {
  Row row;
  row.scenario = &scenario;
  for (std::uint64_t repeat = 0; repeat < plan.repeats && !is_stopped(plan); ++repeat) {
    if (plan.progress) plan.progress(scenario, index, repeat);
    const Stage stage(columns, plan.directory, plan.stop_fd);
    stage.clear();
    const auto outcome = scenario.play(stage);
    if (!outcome) {
      give_up(row, outcome.error().message);
      break;
    }
    score(row, outcome.value());
  }
  return row;
}

}  // namespace

Result<Comparison> run(const Plan& plan, Columns& columns) {
  Comparison comparison;
  comparison.kernel = release();
  for (const Mechanism mechanism : kMechanisms)
    comparison.missing[mechanism] = columns.reason(mechanism);
  for (std::size_t i = 0; i < plan.scenarios.size(); ++i) {
    comparison.rows.push_back(play(plan, *plan.scenarios[i], i, columns));
    if (is_stopped(plan)) return Error{"interrupted", EINTR};
  }
  return comparison;
}

}  // namespace hb::compare
