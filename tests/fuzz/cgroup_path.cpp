// Paths of cgroups, written by whoever may make a cgroup: no name below a unit or a container makes
// it another one, and a scope, a slice or a user's manager is never restarted.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recovery/unit_name.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

using Name = std::optional<std::string>;

std::vector<std::string> directories_of(std::string_view path) {
  std::vector<std::string> directories(1);
  for (const char c : path) {
    if (c != '/') {
      directories.back() += c;
    } else if (!directories.back().empty()) {
      directories.emplace_back();
    }
  }
  if (directories.back().empty()) directories.pop_back();
  return directories;
}

bool is_of_unit(char c) {
  const std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
  return allowed.find(c) != std::string_view::npos;
}

bool is_hex(char c) {
  return std::string_view("0123456789abcdef").find(c) != std::string_view::npos;
}

void check_name(const std::string& unit) {
  require(is_unit_name(unit), "a unit has a unit's name");
  require(unit.size() <= 255 && std::all_of(unit.begin(), unit.end(), is_of_unit),
          "which is short and of few characters");
  const auto at = unit.find('@');
  require(at == std::string::npos || at + 1 < unit.rfind('.'), "it is no template");
  require(!unit.ends_with(".slice"), "and no slice");
}

void check_unit(const std::vector<std::string>& directories, const std::string& unit) {
  check_name(unit);
  const auto at = std::find_if(directories.begin(), directories.end(), [](const auto& directory) {
    return !directory.ends_with(".slice");
  });
  require(at != directories.end() && (*at == unit || *at == "_" + unit),
          "the unit is the first directory that is no slice");
}

void check_user_unit(const std::vector<std::string>& directories, const CgroupNames& names) {
  check_name(*names.user_unit);
  require(names.unit.has_value(), "who has a user's unit has one of the system's");
  require(is_unit_of_manager(*names.unit) || is_scope(*names.unit),
          "and that is a manager or a session");
  require(std::any_of(directories.begin(), directories.end(),
                      [&](const auto& directory) {
                        return directory == *names.user_unit || directory == "_" + *names.user_unit;
                      }),
          "a user's unit is one of the directories");
}

void check_restartable(const CgroupNames& names) {
  const auto unit = restartable_unit(names);
  if (!unit) return;
  require(unit == names.unit, "what is restarted is the unit");
  require(!unit->ends_with(".scope"), "but no scope");
  require(!unit->starts_with("user@") || !unit->ends_with(".service"), "and no user's manager");
}

void check_container(std::string_view path, const CgroupNames& names) {
  if (names.container_id) {
    const auto& id = *names.container_id;
    require(id.size() == 64 && std::all_of(id.begin(), id.end(), is_hex), "an id is 64 digits");
    require(path.find(id) != std::string_view::npos, "which are in the path");
  }
  if (names.pod_uid) {
    std::string in_slice = *names.pod_uid;
    std::replace(in_slice.begin(), in_slice.end(), '-', '_');
    std::string flat(path);
    std::replace(flat.begin(), flat.end(), '-', '_');
    require(flat.find("pod" + in_slice) != std::string::npos, "a pod's uid is in the path");
    require(path.find("kubepods") != std::string_view::npos, "below the kubelet's directory");
  }
}

// What whoever is in that cgroup can add to its path changes nothing that is known of it.
void check_below(const std::string& path, const CgroupNames& names) {
  for (const char* more : {"/a.service", "/init.scope", "/a.slice/b.service", "//"}) {
    const auto below = read_cgroup_names(path + more);
    require(!names.unit || below.unit == names.unit, "below a unit is that unit");
    require(!names.user_unit || below.user_unit == names.user_unit, "below a user's unit, too");
    require(!names.container_id ||
                (below.container_id == names.container_id && below.pod_uid == names.pod_uid),
            "below a container is that container");
  }
  require(read_cgroup_names("/some.slice/" + path) == names, "slices are skipped");
}

void check(std::string_view text) {
  const std::string path(text);
  const auto directories = directories_of(path);
  const auto names = read_cgroup_names(path);
  require(!directories.empty() || names == CgroupNames(), "nothing is known of the root");
  if (names.unit) check_unit(directories, *names.unit);
  if (names.user_unit) check_user_unit(directories, names);
  check_restartable(names);
  check_container(path, names);
  check_below(path, names);
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::text_of({data, size}));
  return 0;
}
