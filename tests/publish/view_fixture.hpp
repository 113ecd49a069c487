// A View of figures that a test sets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/units.hpp"
#include "daemon/metrics.hpp"
#include "publish/shared_memory.hpp"
#include "publish/view.hpp"

namespace hb::test {

class ViewOf : public ::testing::Test {
 protected:
  ViewOf() {
    figures_->written_ns = now_ns_ - kNsPerSecond;
    figures_->start_ns = now_ns_ - 60 * kNsPerSecond;
    std::copy_n("run1", 4, figures_->run.begin());
  }

  // One cgroup, which is this service, as number 1.
  void name_service(const std::string& name, std::uint64_t cgroup_id = 10) {
    service_ = name;
    board_->cgroups[0] = cgroup_id;
    table_.look(0);
    figures_->services[1].generation = board_->names.generations[1];
  }

  AgentRow& add_agent(std::uint32_t pid) {
    AgentRow& row = agents_->rows[agents_->count++];
    row = {};
    row.pid = pid;
    row.last_beat_ns = now_ns_ - 2 * kNsPerSecond;
    row.threshold_ns = 3 * kNsPerSecond;
    figures_->agents = agents_->count;
    return row;
  }

  void put(const Metric& metric, std::uint64_t value) {
    Totals totals;
    totals.push_back({&metric, metric.values.empty() ? nullptr : metric.values.data(), value});
    layout_.put(totals, *figures_);
  }

  [[nodiscard]] View view() const {
    return {.run = run_,
            .layout = layout_,
            .services = table_,
            .figures = *figures_,
            .agents = *agents_,
            .health = health_,
            .now_ns = now_ns_,
            .process = ProcessStat{1.5, 4096, 8192, 2, 1e9},
            .metrics_per_agent = metrics_per_agent_};
  }

  class OneName final : public ServiceNames {
   public:
    explicit OneName(const std::string& name) : name_(name) {}
    void ask(std::uint64_t id, std::uint64_t) override { asked_ = id; }
    std::optional<Answer> next(std::uint64_t) override {
      if (asked_ == 0) return std::nullopt;
      return Answer{std::exchange(asked_, 0), ServiceFacts{name_, {}, {}, "/" + name_}};
    }
    [[nodiscard]] int fd() const override { return -1; }
    [[nodiscard]] std::uint64_t wake_ns() const override { return ~std::uint64_t{0}; }

   private:
    const std::string& name_;
    std::uint64_t asked_ = 0;
  };

  std::string service_;
  const std::uint64_t now_ns_ = 1000 * kNsPerSecond;
  const RunFacts run_{"1.2", "abc", "/run/x.sock", "kernel", 2000, 77, 1024};
  TotalsLayout layout_{daemon::all_metrics()};
  const SharedMemory<Board> board_;
  ServiceTable table_{*board_, [this] { return std::make_unique<OneName>(service_); }};
  const std::unique_ptr<Figures> figures_ = std::make_unique<Figures>();
  const std::unique_ptr<AgentRows> agents_ = std::make_unique<AgentRows>();
  Health health_{true, true, {}, kNsPerMs, 2 * kNsPerMs};
  std::uint64_t metrics_per_agent_ = 0;
};

}  // namespace hb::test
