#include "cli/bundle_config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "cli/config_file.hpp"
#include "cli/setting_names.hpp"
#include "daemon/trusted_file.hpp"
#include "recovery/command_line.hpp"

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* type_of(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "link";
  if (S_ISSOCK(mode)) return "socket";
  return "other";
}

Json facts_of(const std::string& path) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0) {
    const int code = errno;
    return {{"path", path}, {"problem", std::strerror(code)}};
  }
  return {{"path", path},
          {"type", type_of(seen.st_mode)},
          {"mode", fmt::format("{:04o}", seen.st_mode & 07777)},
          {"uid", seen.st_uid},
          {"gid", seen.st_gid},
          {"bytes", seen.st_size},
          {"hard_links", seen.st_nlink}};
}

// Also without the quotes that the configuration has around it.
void hide(const std::string& secret, Scrubber& scrubber) {
  scrubber.hide(secret);
  const bool is_quoted = secret.size() > 2 && (secret.front() == '"' || secret.front() == '\'') &&
                         secret.front() == secret.back();
  if (is_quoted) scrubber.hide(secret.substr(1, secret.size() - 2));
}

// "NAME=value" without the value.
std::string name_alone(const std::string& value, Scrubber& scrubber) {
  const auto equals = value.find('=');
  if (equals == std::string::npos) {
    hide(value, scrubber);
    return "(hidden)";
  }
  hide(value.substr(equals + 1), scrubber);
  return value.substr(0, equals) + "=(hidden)";
}

// Words as the command will have them: a log quotes them in its own way, or not at all.
std::vector<std::string> words_of(const std::string& command) {
  if (auto words = split_words(command)) return std::move(words).value();
  std::istringstream text(command);  // a quote is missing
  return {std::istream_iterator<std::string>(text), {}};
}

// Also what stands behind a =, as in --password=SECRET, and as it is within a string of JSON.
void hide_word(const std::string& word, Scrubber& scrubber) {
  const auto value = word.substr(word.find('=') + 1);
  for (const auto& part : {word, value}) {
    scrubber.hide(part);
    const std::string escaped = Json(part).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (escaped.size() != part.size() + 2) scrubber.hide(escaped.substr(1, escaped.size() - 2));
  }
}

// A command without its arguments, in which passwords are often found.
std::string program_alone(const std::string& value, Scrubber& scrubber) {
  const auto words = words_of(value);
  if (words.size() < 2) return value;
  const std::string& program = words.front();
  std::string arguments;
  for (std::size_t i = 1; i < words.size(); ++i) {
    arguments += (i == 1 ? "" : " ") + words[i];
    if (words[i] != program) hide_word(words[i], scrubber);
  }
  scrubber.hide(arguments);  // its words may be too short to be hidden alone
  return program + " (arguments hidden)";
}

// No flag has such a name: secrets are in files. But whoever errs writes them here.
bool sounds_secret(const std::string& key) {
  if (key.ends_with("-file")) return false;
  const auto has = [&](const char* part) { return key.find(part) != std::string::npos; };
  return key.ends_with("key") || has("token") || has("password") || has("secret");
}

std::string shown_value(const ConfigLine& line, Scrubber& scrubber) {
  if (line.key.ends_with("-env")) return name_alone(line.value, scrubber);
  if (line.key.ends_with("-exec")) return program_alone(line.value, scrubber);
  if (sounds_secret(line.key)) {
    hide(line.value, scrubber);
    return "(hidden)";
  }
  return line.value;
}

bool names_a_file(const std::string& key) { return key.ends_with("-file"); }

// "PATH:LINE" of a message that begins so: the rest may quote a secret.
std::string place_alone(const std::string& message, const std::string& path) {
  const auto end = message.find(':', path.size() + 1);
  if (!message.starts_with(path + ":") || end == std::string::npos) return path;
  return message.substr(0, end);
}

void show(const std::vector<ConfigLine>& lines, BundledConfig& config, Scrubber& scrubber) {
  Json settings = Json::array();
  Json files = Json::array();
  const auto known = setting_names();
  for (const auto& line : lines) {
    std::string value = shown_value(line, scrubber);
    const bool is_known = known.contains(line.key);
    if (!is_known) value = "(not shown: there is no such setting)";
    settings.push_back({{"line", line.number}, {"key", line.key}, {"value", value}});
    if (!is_known) continue;
    if (names_a_file(line.key)) files.push_back(facts_of(line.value));
    if (line.key == "socket") config.socket = line.value;
    if (line.key == "status-socket") config.status_socket = line.value;
  }
  config.shown["settings"] = settings;
  config.shown["files"] = files;
}

}  // namespace

BundledConfig bundle_config(const std::string& path, Scrubber& scrubber) {
  BundledConfig config{{{"file", facts_of(path)}}, {}, {}};
  const auto text = daemon::read_trusted_file(path);
  if (!text) {
    config.shown["problem"] = text.error().message;
    return config;
  }
  const auto lines = parse_config(path, text.value());
  if (lines) {
    show(lines.value(), config, scrubber);
  } else {
    config.shown["problem"] =
        place_alone(lines.error().message, path) + ": not a setting; `hb-ebpf run` says why";
  }
  return config;
}

}  // namespace hb::cli
