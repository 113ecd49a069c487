// The last line of the event stream against the list of all metrics.
#include "daemon/metrics.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

// The names of metrics, each with those of its label.
Json all_names() {
  Json names = Json::array();
  for (const Metric* metric : daemon::all_metrics()) {
    names.push_back(metric->name);
    for (const LabelValue& value : metric->values) {
      names.push_back(std::string(metric->name) + " " + std::string(value.name));
    }
  }
  return names;
}

Json names_in(const Json& counters) {
  Json names = Json::array();
  for (const auto& [name, counter] : counters.items()) {
    names.push_back(name);
    if (!counter.is_object()) continue;
    for (const auto& [label, value] : counter.items()) names.push_back(name + " " + label);
  }
  return names;
}

TEST_F(Attest, StoppedHasAllMetricsInTheirOrder) {
  const std::string key = directory_.path("key");
  std::ofstream(key) << std::string(64, 'a');
  ::chmod(key.c_str(), 0600);
  ObserverProcess observer = observe({"--udp-port", free_port(), "--key-file", key, "--export-file",
                                      directory_.path("events.tsv")});
  EXPECT_EQ(names_in(observer.stop()), all_names());
}

}  // namespace
}  // namespace hb::test
