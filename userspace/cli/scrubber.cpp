#include "cli/scrubber.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace hb::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kKeyDigits = 64;
constexpr std::size_t kShortestSecret = 4;
constexpr const char* kHidden = "(hidden)";
constexpr const char* kHiddenDigits = "(hidden: 64 or more hexadecimal digits)";

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

std::string without_long_hex(const std::string& text) {
  std::string kept;
  for (auto at = text.begin(); at != text.end();) {
    const auto end = std::find_if_not(at, text.end(), is_hex);
    if (static_cast<std::size_t>(end - at) >= kKeyDigits) {
      kept += kHiddenDigits;
    } else {
      kept.append(at, end);
    }
    at = end;
    if (at != text.end()) kept += *at++;
  }
  return kept;
}

// "nats://user:password@host" without what stands before the last @: a password may have one.
std::string without_logins(std::string_view text) {
  constexpr std::string_view kScheme = "://";
  std::string kept;
  for (auto at = text.find(kScheme); at != std::string_view::npos; at = text.find(kScheme)) {
    at += kScheme.size();
    kept += text.substr(0, at);
    text.remove_prefix(at);
    const auto last = text.substr(0, text.find_first_of("/ \t\r\n\v\f")).rfind('@');
    if (last == std::string_view::npos) continue;
    kept += kHidden;
    text.remove_prefix(last);
  }
  return kept.append(text);
}

bool is_same_letter(char one, char other) {
  return std::tolower(static_cast<unsigned char>(one)) == other;
}

// "Authorization: Basic ...", also as a field of JSON, without what follows in that line.
std::string without_authorization(std::string_view text) {
  constexpr std::string_view kName = "authorization";
  std::string kept;
  for (;;) {
    const auto* name =
        std::search(text.begin(), text.end(), kName.begin(), kName.end(), is_same_letter);
    if (name == text.end()) return kept.append(text);
    const auto behind = static_cast<std::size_t>(name - text.begin()) + kName.size();
    const auto colon = std::min(text.find_first_not_of("\\\"' \t", behind), text.size());
    const bool has_value = colon < text.size() && (text[colon] == ':' || text[colon] == '=');
    kept += text.substr(0, has_value ? colon + 1 : behind);
    if (has_value) kept += std::string(" ") + kHidden;
    text.remove_prefix(has_value ? std::min(text.find('\n', colon), text.size()) : behind);
  }
}

}  // namespace

void Scrubber::hide(const std::string& secret) {
  if (secret.size() < kShortestSecret) return;
  // The longest first: one may be part of another.
  const auto is_longer = [](const auto& one, const auto& other) {
    return one.size() > other.size();
  };
  secrets_.insert(std::upper_bound(secrets_.begin(), secrets_.end(), secret, is_longer), secret);
}

std::string Scrubber::scrubbed(std::string text) const {
  text = without_authorization(text);  // first: a secret may be a part of that name
  for (const auto& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), kHidden);
      at += std::char_traits<char>::length(kHidden);
    }
  }
  return without_long_hex(without_logins(text));
}

Json Scrubber::scrubbed_json(const Json& json) const {
  if (json.is_string()) return scrubbed(json.get<std::string>());
  if (json.is_array()) {
    Json all = Json::array();
    for (const auto& one : json) all.push_back(scrubbed_json(one));
    return all;
  }
  if (!json.is_object()) return json;
  Json all = Json::object();
  for (const auto& [name, value] : json.items()) all[scrubbed(name)] = scrubbed_json(value);
  return all;
}

}  // namespace hb::cli
