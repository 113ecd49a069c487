// ServiceTable: which service each cgroup on the board is, on the publisher's side.
//
// Asks for new cgroups and writes the answers to the board. A service keeps its number as long as
// one of its cgroups is on the board; when all numbers are taken, the one that has been without for
// longest goes to the next service. Until one is free, newcomers are `other`.
//
// Borrows the board. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "publish/board.hpp"
#include "recovery/service_names.hpp"

namespace hb {

class ServiceTable {
 public:
  static constexpr std::string_view kOther = "other";

  // Starts what finds out the names, when the first cgroup is there. nullptr: it cannot be started;
  // all cgroups are then `other`.
  using StartNames = std::function<std::unique_ptr<ServiceNames>()>;

  ServiceTable(Board& board, StartNames start_names);

  // When the loop has told of a cgroup, fd() is readable, or wake_ns() has come.
  void look(std::uint64_t now_ns);
  [[nodiscard]] int fd() const { return names_ ? names_->fd() : -1; }
  [[nodiscard]] std::uint64_t wake_ns() const;

  // Of a number; `other` has 0. Empty: no service has it.
  [[nodiscard]] std::string_view name(std::size_t service) const { return services_[service].name; }
  // Whether these figures are of the service that has the number now.
  [[nodiscard]] bool is_of(const ServiceFigures& figures, std::size_t service) const {
    return services_[service].generation == figures.generation;
  }

  struct Place {
    std::string_view service;
    std::string_view path;
  };
  // Of an agent's cgroup; nullopt: not known (yet).
  [[nodiscard]] std::optional<Place> place_of(std::uint64_t cgroup_id) const;

 private:
  struct Cgroup {
    std::uint64_t id = 0;
    std::optional<ServiceFacts> facts;
    std::size_t service = 0;
    bool is_without_number = false;
  };
  struct Service {
    std::string name;
    std::uint64_t generation = 0;
    std::size_t cgroups = 0;
    std::uint64_t left_at = 0;  // order in which they lost their last cgroup
  };

  void take_changes(std::uint64_t now_ns);
  void take_answers(std::uint64_t now_ns);
  void place_those_without();
  void leave(Cgroup& cgroup);
  void place(std::size_t number);
  void answer(std::size_t number, std::size_t service);
  [[nodiscard]] std::optional<std::size_t> number_for(const std::string& name);

  Board& board_;
  const StartNames start_names_;
  bool has_started_ = false;
  std::unique_ptr<ServiceNames> names_;
  std::vector<Cgroup> cgroups_;  // as on the board
  std::unordered_map<std::uint64_t, std::size_t> by_id_;
  std::array<Service, kMaxServices> services_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::uint64_t leavings_ = 0;
};

}  // namespace hb
