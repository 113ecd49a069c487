#include "cli/scrubber.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

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

// "nats://user:password@host" without what stands before the @.
std::string without_logins(std::string text) {
  constexpr std::string_view kScheme = "://";
  for (auto at = text.find(kScheme); at != std::string::npos; at = text.find(kScheme, at)) {
    at += kScheme.size();
    const auto end = text.find_first_of("@/ \t\n\"'", at);
    if (end != std::string::npos && text[end] == '@') text.replace(at, end - at, kHidden);
  }
  return text;
}

}  // namespace

void Scrubber::hide(const std::string& secret) {
  if (secret.size() < kShortestSecret) return;
  secrets_.push_back(secret);
  // The longest first: one may be part of another.
  std::sort(secrets_.begin(), secrets_.end(),
            [](const auto& one, const auto& other) { return one.size() > other.size(); });
}

std::string Scrubber::scrubbed(std::string text) const {
  for (const auto& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), kHidden);
      at += std::char_traits<char>::length(kHidden);
    }
  }
  return without_long_hex(without_logins(std::move(text)));
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
