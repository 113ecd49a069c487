#include "status/top_table.hpp"

#include <algorithm>

#include "status/amounts.hpp"

namespace hb::status {
namespace {

constexpr char kCut = '~';
constexpr std::size_t kAmount = 6;  // what status/amounts.hpp promises
constexpr std::size_t kPid = 7;     // pid_max is 4194304 at most
constexpr std::size_t kState = 10;
constexpr std::size_t kStatus = 8;
constexpr std::size_t kComm = 15;  // TASK_COMM_LEN, without its zero
constexpr std::size_t kLeast = 4;  // of a column that shares the rest

std::size_t rest_of(std::size_t columns, std::size_t taken) {
  return columns > taken ? columns - taken : 0;
}

// The texts of a row in its columns.
struct AgentCells {
  std::string pid, status, age, rate, stalls, service, cgroup, comm;
};

struct AgentColumns {
  std::size_t service;
  std::size_t cgroup;
};

AgentColumns agent_columns(std::size_t columns) {
  constexpr std::size_t kBlanks = 7;
  const std::size_t rest = rest_of(columns, kPid + kStatus + 3 * kAmount + kComm + kBlanks);
  const std::size_t service = std::max(rest / 2, kLeast);
  return {service, std::max(rest_of(rest, service), kLeast)};
}

std::string end_of_row(const AgentCells& cells, std::size_t columns) {
  const AgentColumns widths = agent_columns(columns);
  return " " + right(cells.age, kAmount) + " " + right(cells.rate, kAmount) + " " +
         right(cells.stalls, kAmount) + " " + left(cells.service, widths.service) + " " +
         tail(cells.cgroup, widths.cgroup) + " " + left(cells.comm, kComm);
}

Look look_of(const AgentLine& agent) {
  if (agent.is_silent() || agent.status == "critical") return Look::Bad;
  if (agent.status == "degraded") return Look::Warning;
  return agent.status == "ok" ? Look::Good : Look::Plain;
}

struct ServiceCells {
  std::string name, state, agents, silent, beats, stalls, oldest;
};

std::size_t name_width(std::size_t columns) {
  constexpr std::size_t kBlanks = 6;
  return std::max(rest_of(columns, kState + 5 * kAmount + kBlanks), kLeast);
}

std::string end_of_row(const ServiceCells& cells) {
  std::string end;
  for (const auto* cell :
       {&cells.agents, &cells.silent, &cells.beats, &cells.stalls, &cells.oldest}) {
    end += " " + right(*cell, kAmount);
  }
  return end;
}

Look look_of(const ServiceLine& service) {
  if (service.state == "down" || service.state == "given_up") return Look::Bad;
  if (service.silent.value_or(0) > 0) return Look::Bad;
  if (service.state == "healthy") return Look::Good;
  return service.state ? Look::Warning : Look::Plain;
}

}  // namespace

std::string left(const std::string& text, std::size_t width) {
  if (width == 0) return "";
  if (text.size() > width) return text.substr(0, width - 1) + kCut;
  return text + std::string(width - text.size(), ' ');
}

std::string right(const std::string& text, std::size_t width) {
  if (text.size() >= width) return left(text, width);
  return std::string(width - text.size(), ' ') + text;
}

std::string tail(const std::string& text, std::size_t width) {
  if (width == 0 || text.size() <= width) return left(text, width);
  return kCut + text.substr(text.size() - width + 1);
}

ScreenLine service_heading(std::size_t columns) {
  const ServiceCells names{"SERVICE", "STATE", "AGENTS", "SILENT", "BEATS", "STALLS", "OLDEST"};
  return {
      {left(names.name, name_width(columns)) + " " + left(names.state, kState) + end_of_row(names),
       Look::Heading}};
}

ScreenLine service_row(const ServiceLine& s, std::size_t columns) {
  const ServiceCells cells{or_dash(s.name),
                           or_dash(s.state),
                           count_text(s.agents),
                           count_text(s.silent),
                           count_text(s.beats),
                           count_text(s.stalls),
                           duration_text(s.oldest_beat_age_ns)};
  return {{left(cells.name, name_width(columns)) + " ", Look::Plain},
          {left(cells.state, kState), look_of(s)},
          {end_of_row(cells), Look::Plain}};
}

ScreenLine agent_heading(std::size_t columns) {
  const AgentCells names{"PID", "STATUS", "AGE", "RATE/S", "STALLS", "SERVICE", "CGROUP", "COMM"};
  return {{right(names.pid, kPid) + " " + left(names.status, kStatus) + end_of_row(names, columns),
           Look::Heading}};
}

ScreenLine agent_row(const RatedAgent& rated, std::size_t columns) {
  const AgentLine& a = *rated.agent;
  const AgentCells cells{a.pid ? std::to_string(*a.pid) : "-",
                         a.is_silent() ? *a.state : or_dash(a.status),
                         duration_text(a.last_beat_age_ns),
                         rate_text(rated.rate),
                         count_text(a.stalls),
                         or_dash(a.service),
                         a.host ? "at " + *a.host : or_dash(a.cgroup),
                         or_dash(a.comm)};
  const Look look = a.is_silent() ? Look::Bad : Look::Plain;
  return {{right(cells.pid, kPid) + " ", look},
          {left(cells.status, kStatus), look_of(a)},
          {end_of_row(cells, columns), look}};
}

}  // namespace hb::status
