#include "cli/bundle_config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "cli/config_file.hpp"
#include "daemon/trusted_file.hpp"

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

// A command without its arguments, in which passwords are often found.
std::string program_alone(const std::string& value, Scrubber& scrubber) {
  const auto blank = value.find_first_of(" \t");
  if (blank == std::string::npos) return value;
  hide(value.substr(blank + 1), scrubber);
  return value.substr(0, blank) + " (arguments hidden)";
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
  for (const auto& line : lines) {
    settings.push_back(
        {{"line", line.number}, {"key", line.key}, {"value", shown_value(line, scrubber)}});
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
