#include "recovery/unit_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace hb {
namespace {

constexpr std::size_t kLongestUnitName = 255;  // UNIT_NAME_MAX is one more
constexpr std::size_t kLongestUserName = 31;
constexpr std::size_t kContainerIdDigits = 64;
constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kUuidDigits = 32;

constexpr std::array<std::string_view, 11> kUnitTypes = {"service", "socket",    "target", "device",
                                                         "mount",   "automount", "swap",   "timer",
                                                         "path",    "slice",     "scope"};

// What runtimes put before a container's id: docker-ID.scope with systemd, libpod-ID where the
// runtime makes the cgroup itself. ("libpod-conmon-" and "crio-conmon-" are not containers, but
// processes that watch one.)
constexpr std::array<std::string_view, 6> kRuntimes = {"",      "docker-", "cri-containerd-",
                                                       "crio-", "libpod-", "nerdctl-"};

// Not those of <cctype>, which depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_letter_or_digit(char c) { return is_letter(c) || is_digit(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_of_unit(char c) {
  return is_letter_or_digit(c) || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

template <typename Test>
bool all(std::string_view text, Test test) {
  return !text.empty() && std::all_of(text.begin(), text.end(), test);
}

// --- Paths ---

// Removes the first directory from `path` and returns it. Empty at the end.
std::string_view take_directory(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const auto directory = path.substr(0, path.find('/'));
  path.remove_prefix(directory.size());
  return directory;
}

// systemd puts one '_' before a name that the kernel could use for a file ("cpu.service").
std::string_view unescaped(std::string_view directory) {
  if (directory.starts_with('_')) directory.remove_prefix(1);
  return directory;
}

// The text between the two; nullopt where one of them is missing, or nothing is between them.
std::optional<std::string_view> between(std::string_view text, std::string_view prefix,
                                        std::string_view suffix) {
  if (text.size() <= prefix.size() + suffix.size()) return std::nullopt;
  if (!text.starts_with(prefix) || !text.ends_with(suffix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  text.remove_suffix(suffix.size());
  return text;
}

// --- Units ---

bool is_slice_name(std::string_view unit) {
  return unit.ends_with(".slice") && unit.find('@') == std::string_view::npos && is_unit_name(unit);
}

// Returns the first directory that is not a slice, not unescaped; leaves the rest in `path`.
std::string_view skip_slices(std::string_view& path) {
  for (;;) {
    const auto directory = take_directory(path);
    if (!is_slice_name(unescaped(directory))) return directory;
  }
}

std::optional<std::string> unit_at(std::string_view path) {
  const auto name = unescaped(skip_slices(path));
  if (!is_unit_name(name) || name.ends_with(".slice")) return std::nullopt;
  return std::string(name);
}

// As systemd's parse_uid(): decimal, no leading zero, and not one of the two that mean "none".
bool is_uid(std::string_view text) {
  std::uint32_t uid = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, uid);
  if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  if (text.size() > 1 && text.starts_with('0')) return false;
  return uid != std::numeric_limits<std::uint32_t>::max() &&
         uid != std::numeric_limits<std::uint16_t>::max();
}

// As systemd's capsule_name_is_valid(): with "c-" before it, a user's name.
bool is_capsule_name(std::string_view text) {
  return text.size() <= kLongestUserName - 2 &&
         all(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

// Below these, units are not the system manager's own. systemd never escapes these names.
bool has_user_units(std::string_view directory) {
  if (const auto uid = between(directory, "user@", ".service")) return is_uid(*uid);
  if (const auto name = between(directory, "capsule@", ".service")) return is_capsule_name(*name);
  const auto session = between(directory, "session-", ".scope");
  return session && all(*session, is_letter_or_digit);
}

std::optional<std::string> user_unit_at(std::string_view path) {
  if (!has_user_units(skip_slices(path))) return std::nullopt;
  return unit_at(path);
}

// --- Containers ---

bool is_container_id(std::string_view text) {
  return text.size() == kContainerIdDigits && all(text, is_hex);
}

std::optional<std::string> container_id_of(std::string_view directory) {
  for (const auto runtime : kRuntimes) {
    if (!directory.starts_with(runtime)) continue;
    auto id = directory.substr(runtime.size());
    if (!runtime.empty() && id.ends_with(".scope")) id.remove_suffix(6);
    if (is_container_id(id)) return std::string(id);
  }
  return std::nullopt;
}

// A UUID; for a static pod, the 32 digits of its file's hash. In the name of a slice, where '-'
// separates parents, there is '_' instead of '-'.
std::optional<std::string> pod_uid_of(std::string_view text) {
  std::string uid(text);
  std::replace(uid.begin(), uid.end(), '_', '-');
  if (uid.size() == kUuidDigits && all(uid, is_hex)) return uid;
  if (uid.size() != kUuidLength) return std::nullopt;
  for (std::size_t i = 0; i < uid.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? uid[i] != '-' : !is_hex(uid[i])) return std::nullopt;
  }
  return uid;
}

// kubepods.slice, kubepods-burstable.slice or kubepods-besteffort.slice, without the suffix; the
// kubelet's --cgroup-root may put more before it ("kubelet-kubepods").
bool is_slice_of_pods(std::string_view stem) {
  for (const std::string_view quality : {"-burstable", "-besteffort"}) {
    if (stem.ends_with(quality)) {
      stem.remove_suffix(quality.size());
      break;
    }
  }
  return stem == "kubepods" || stem.ends_with("-kubepods");
}

// The systemd driver: kubepods-burstable-podUID.slice.
std::optional<std::string> pod_uid_of_slice(std::string_view directory) {
  const auto stem = between(directory, "", ".slice");
  if (!stem) return std::nullopt;
  const auto pod = stem->rfind("-pod");
  if (pod == std::string_view::npos || !is_slice_of_pods(stem->substr(0, pod))) return std::nullopt;
  return pod_uid_of(stem->substr(pod + 4));
}

// The cgroupfs driver: kubepods/burstable/podUID, or kubepods/podUID.
class PodDirectories {
 public:
  std::optional<std::string> uid_of(std::string_view directory) {
    const bool is_among_pods = is_among_pods_;
    is_among_pods_ = directory == "kubepods" ||
                     (is_kubepods_ && (directory == "burstable" || directory == "besteffort"));
    is_kubepods_ = directory == "kubepods";
    if (!is_among_pods || !directory.starts_with("pod")) return std::nullopt;
    return pod_uid_of(directory.substr(3));
  }

 private:
  bool is_kubepods_ = false;    // the directory above
  bool is_among_pods_ = false;  // the directory above may hold pods
};

// Stops at the first container: names below it are the container's own choice.
void read_container(std::string_view path, CgroupNames& names) {
  PodDirectories pods;
  for (auto directory = take_directory(path); !directory.empty();
       directory = take_directory(path)) {
    names.container_id = container_id_of(directory);
    if (names.container_id) return;
    auto pod_uid = pod_uid_of_slice(directory);
    if (!pod_uid) pod_uid = pods.uid_of(directory);
    if (!names.pod_uid) names.pod_uid = pod_uid;
  }
}

}  // namespace

bool is_unit_name(std::string_view name) {
  if (name.size() > kLongestUnitName) return false;
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const auto type = name.substr(dot + 1);
  if (std::find(kUnitTypes.begin(), kUnitTypes.end(), type) == kUnitTypes.end()) return false;
  const auto stem = name.substr(0, dot);
  if (!all(stem, is_of_unit)) return false;
  const auto at = stem.find('@');
  return at == std::string_view::npos || (at > 0 && at + 1 < stem.size());
}

bool is_scope(std::string_view unit) { return unit.ends_with(".scope"); }

bool is_unit_of_manager(std::string_view unit) {
  return between(unit, "user@", ".service") || between(unit, "capsule@", ".service");
}

CgroupNames read_cgroup_names(std::string_view path) {
  CgroupNames names;
  names.unit = unit_at(path);
  names.user_unit = user_unit_at(path);
  read_container(path, names);
  return names;
}

std::optional<std::string> restartable_unit(const CgroupNames& names) {
  const auto& unit = names.unit;
  if (!unit || is_scope(*unit) || unit->ends_with(".slice") || is_unit_of_manager(*unit)) {
    return std::nullopt;
  }
  return unit;
}

}  // namespace hb
