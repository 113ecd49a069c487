#include "cli/options.hpp"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>

#include "transport/unix_address.hpp"

namespace hb::cli {
namespace {

// The whole text, or nothing.
std::optional<std::uint64_t> parse(const std::string& text, int base) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

std::string check_number(std::string& text, std::uint64_t lowest, std::uint64_t highest) {
  const auto number = parse(text, 10);
  if (!number || *number < lowest || *number > highest) {
    return "'" + text + "' is not a whole number from " + std::to_string(lowest) + " to " +
           std::to_string(highest);
  }
  text = std::to_string(*number);
  return {};
}

std::string check_ring(std::string& text, std::uint64_t highest) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto number = parse(text, 10);
  if (number && std::has_single_bit(*number) && *number >= page && *number <= highest) {
    text = std::to_string(*number);
    return {};
  }
  return "'" + text + "' is not a power of two from " + std::to_string(page) + " (a page) to " +
         std::to_string(highest);
}

mode_t parse_mode(const std::string& name, const std::string& text) {
  const auto number = text.size() <= 4 ? parse(text, 8) : std::nullopt;
  if (number && *number <= 0777) return static_cast<mode_t>(*number);
  throw CLI::ValidationError(name, "'" + text + "' is not a mode from 0000 to 0777, in octal");
}

gid_t find_group(const std::string& name, const std::string& group) {
  std::vector<char> room(16 * 1024);
  ::group entry{};
  ::group* found = nullptr;
  int code = 0;
  while ((code = ::getgrnam_r(group.c_str(), &entry, room.data(), room.size(), &found)) == ERANGE) {
    room.resize(room.size() * 2);
  }
  if (found != nullptr) return entry.gr_gid;
  const bool is_no_name = code == 0 || code == ENOENT;  // ENOENT: there is no /etc/group
  if (const auto gid = daemon::numeric_id(group); gid && is_no_name) return *gid;
  const std::string why = code == 0 ? " (groupadd makes one)" : std::string(": ") + strerror(code);
  throw CLI::ValidationError(name, "there is no group '" + group + "'" + why);
}

}  // namespace

CLI::Validator whole_number(std::uint64_t lowest, std::uint64_t highest) {
  const auto check = [=](std::string& text) { return check_number(text, lowest, highest); };
  return CLI::Validator(check, std::to_string(lowest) + ".." + std::to_string(highest));
}

CLI::Validator ring_size(std::uint64_t highest) {
  return CLI::Validator([=](std::string& text) { return check_ring(text, highest); }, "POWER_OF_2");
}

CLI::Validator socket_path() {
  const auto check = [](std::string& path) {
    const auto address = unix_address(path);
    return address ? std::string() : address.error().message;
  };
  return CLI::Validator(check, "");
}

void add_status_socket(CLI::App& app, std::string& socket) {
  app.add_option("--status-socket", socket, "Where the observer tells its status")
      ->check(socket_path())
      ->type_name("PATH")
      ->capture_default_str();
}

void add_mode(CLI::App& app, const std::string& name, mode_t& mode, const std::string& help) {
  const auto set = [&mode, name](const std::string& text) { mode = parse_mode(name, text); };
  app.add_option_function<std::string>(name, set, help)->type_name("OCTAL");
}

void add_group(CLI::App& app, const std::string& name, std::optional<gid_t>& group,
               const std::string& help) {
  const auto set = [&group, name](const std::string& text) { group = find_group(name, text); };
  app.add_option_function<std::string>(name, set, help)->type_name("GROUP");
}

std::string words_of(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : "|") + word;
  return all;
}

void add_user(CLI::App& app, const std::string& name, std::optional<daemon::User>& user,
              const std::string& help) {
  const auto set = [&user, name](const std::string& text) {
    auto found = daemon::find_user(text);
    if (!found) throw CLI::ValidationError(name, found.error().message);
    user = std::move(found).value();
  };
  app.add_option_function<std::string>(name, set, help)->type_name("USER");
}

std::vector<std::string> after_separator(const std::vector<std::string>& arguments) {
  const auto separator = std::ranges::find(arguments, "--");
  if (separator == arguments.end()) {
    throw CLI::ValidationError("COMMAND", "put -- before the program and its arguments");
  }
  return {separator + 1, arguments.end()};
}

}  // namespace hb::cli
