// Reads what Prometheus reads, strictly: whatever a scraper could take amiss is a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace hb::test {

class ParsedExposition {
 public:
  explicit ParsedExposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      line.starts_with('#') ? take_comment(line) : take_sample(line);
    }
    check_histograms();
  }

  [[nodiscard]] bool has(const std::string& series) const { return samples_.contains(series); }
  [[nodiscard]] bool has_family(const std::string& name) const { return types_.contains(name); }
  [[nodiscard]] const std::string& type(const std::string& family) const {
    return types_.at(family);
  }
  // Of the series, as it was written: `hb_agents{service="other",status="ok"}`.
  [[nodiscard]] double operator[](const std::string& series) const {
    const auto found = samples_.find(series);
    if (found != samples_.end()) return found->second;
    ADD_FAILURE() << "there is no " << series;
    return -1;
  }
  [[nodiscard]] const std::map<std::string, double>& samples() const { return samples_; }
  [[nodiscard]] bool has_ended() const { return has_ended_; }

 private:
  void take_comment(const std::string& line) {
    EXPECT_FALSE(has_ended_) << line;
    if (line == "# EOF") {
      has_ended_ = true;
      return;
    }
    std::istringstream words(line);
    std::string hash, kind, name, rest;
    words >> hash >> kind >> name;
    std::getline(words >> std::ws, rest);
    EXPECT_FALSE(rest.empty()) << line;
    if (kind == "HELP") {
      EXPECT_TRUE(helped_.insert(name).second) << line;
      family_ = name;
    } else if (kind == "TYPE") {
      EXPECT_EQ(family_, name) << "the help does not stand before it";
      EXPECT_TRUE(types_.emplace(name, rest).second) << line;
    } else {
      EXPECT_EQ(kind, "UNIT") << line;
      EXPECT_TRUE(name.ends_with("_" + rest)) << line;
    }
  }

  void take_sample(const std::string& line) {
    EXPECT_FALSE(has_ended_) << line;
    const std::size_t end = series_end(line);
    ASSERT_LT(end, line.size()) << line;
    ASSERT_EQ(line[end], ' ') << line;
    const std::string series = line.substr(0, end);
    const std::string name = series.substr(0, series.find('{'));
    expect_of_family(name);
    char* after = nullptr;
    const double value = std::strtod(line.c_str() + end + 1, &after);
    EXPECT_EQ(*after, '\0') << line;
    EXPECT_TRUE(samples_.emplace(series, value).second) << "twice: " << series;
  }

  // Where the name and its labels end; npos: they are not well-formed.
  static std::size_t series_end(const std::string& line) {
    std::size_t at = line.find_first_of("{ ");
    if (at == std::string::npos || line[at] == ' ') return at;
    for (++at; at < line.size(); ++at) {
      at = line.find("=\"", at);
      if (at == std::string::npos) return at;
      for (at += 2; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') ++at;
      }
      if (++at >= line.size()) return std::string::npos;
      if (line[at] == '}') return at + 1;
      if (line[at] != ',') return std::string::npos;
    }
    return std::string::npos;
  }

  void expect_of_family(const std::string& name) {
    const std::string& type = types_[family_];
    std::set<std::string> allowed{family_};
    if (type == "counter") allowed = {family_, family_ + "_total"};
    if (type == "histogram") allowed = {family_ + "_bucket", family_ + "_sum", family_ + "_count"};
    EXPECT_TRUE(allowed.contains(name)) << name << " stands below " << family_;
    if (type == "counter") {
      EXPECT_TRUE(name.ends_with("_total")) << name;
    }
  }

  void check_histograms() const {
    for (const auto& [family, type] : types_) {
      if (type != "histogram") continue;
      double before = 0;
      std::map<double, double> buckets;
      for (const auto& [series, value] : samples_) {
        const std::string begin = family + "_bucket{le=\"";
        if (series.starts_with(begin)) {
          buckets[std::strtod(series.c_str() + begin.size(), nullptr)] = value;
        }
      }
      for (const auto& [bound, value] : buckets) {
        EXPECT_GE(value, before) << family << " at " << bound;
        before = value;
      }
      EXPECT_EQ((*this)[family + "_bucket{le=\"+Inf\"}"], (*this)[family + "_count"]);
    }
  }

  std::string family_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
  bool has_ended_ = false;
};

}  // namespace hb::test
