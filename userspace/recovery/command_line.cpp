#include "recovery/command_line.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "recovery/recovery_means.hpp"

namespace hb {
namespace {

struct Placeholder {
  std::string_view name;
  std::optional<std::string> (*value)(const RecoveryTarget& target);
};

std::optional<std::string> uid_of(const RecoveryTarget& target) {
  const auto uid = target.stall.uid;
  return uid ? std::optional(std::to_string(*uid)) : std::nullopt;
}

// Anybody may call his process so that a command reads it as an option, a file of options (@) or a
// part of a shell's program.
std::optional<std::string> comm_of(const RecoveryTarget& target) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:+@";
  const std::string_view comm = target.stall.comm.view();
  if (comm.find_first_not_of(kHarmless) != std::string_view::npos) return std::nullopt;
  if (comm.find_first_of("-.:+@") == 0) return std::nullopt;
  return std::string(comm);
}

constexpr std::array<Placeholder, 6> kPlaceholders = {{
    {"{pid}", [](const RecoveryTarget& t) { return std::optional(std::to_string(t.stall.pid)); }},
    {"{uid}", uid_of},
    {"{service}", [](const RecoveryTarget& t) { return std::optional(t.service.name); }},
    {"{unit}", [](const RecoveryTarget& t) { return t.service.unit; }},
    {"{cgroup}", [](const RecoveryTarget& t) { return t.service.cgroup; }},
    {"{comm}", comm_of},
}};
std::string placeholders() {
  std::string all;
  for (const Placeholder& placeholder : kPlaceholders) {
    (all += all.empty() ? "" : ", ") += placeholder.name;
  }
  return all;
}

constexpr std::array<const char*, 2> kSearched = {"/usr/bin/", "/bin/"};

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> split() {
    for (; at_ < text_.size(); ++at_) take(text_[at_]);
    if (quote_ != 0) return Error{std::string("a closing ") + quote_ + " is missing"};
    if (escaped_) return Error{"nothing follows the last backslash"};
    end_word();
    return std::move(words_);
  }

 private:
  void take(char c) {
    if (escaped_) {
      word() += c;
      escaped_ = false;
    } else if (c == '\\' && escapes()) {
      escaped_ = true;
    } else if (quote_ != 0) {
      c == quote_ ? void(quote_ = 0) : void(word() += c);
    } else if (c == '\'' || c == '"') {
      word();
      quote_ = c;
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else {
      word() += c;
    }
  }

  // Does a backslash here mean anything?
  [[nodiscard]] bool escapes() const {
    if (quote_ == '\'') return false;
    if (quote_ == 0) return true;
    const std::string_view next = text_.substr(at_ + 1, 1);
    return next == "\"" || next == "\\";
  }

  std::string& word() {
    if (!word_) word_.emplace();
    return *word_;
  }

  void end_word() {
    if (word_) words_.push_back(std::move(*word_));
    word_.reset();
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  char quote_ = 0;  // which one is open
  bool escaped_ = false;
  std::optional<std::string> word_;  // '' is one, too
  std::vector<std::string> words_;
};

Result<std::string> find(const std::string& program) {
  if (program.starts_with('/')) return program;
  if (program.find('/') != std::string::npos) {
    return Error{"'" + program + "' is neither an absolute path nor a name in /usr/bin or /bin"};
  }
  for (const char* directory : kSearched) {
    const std::string path = directory + program;
    if (::access(path.c_str(), F_OK) == 0) return path;
  }
  return Error{"there is no '" + program +
               "' in /usr/bin or /bin (an absolute path is looked up nowhere)"};
}

// What root runs, nobody else may write.
Result<> check(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) {
    const int code = errno;
    return os_error(code, "'" + path + "'");
  }
  if (!S_ISREG(file.st_mode)) return Error{"'" + path + "' is not a file"};
  if (::access(path.c_str(), X_OK) != 0) {
    return Error{"'" + path + "' cannot be executed (chmod +x makes it so)"};
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{"'" + path + "' can be written by others (chmod go-w makes it safe)"};
  }
  if (file.st_uid != 0 && file.st_uid != ::geteuid()) {
    return Error{"'" + path + "' belongs to somebody else (chown root makes it safe)"};
  }
  return ok();
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The length of what looks like a placeholder at the beginning of `text`, {name}: else 0.
std::size_t placeholder_length(std::string_view text) {
  if (text.size() < 3 || text[0] != '{' || !is_letter(text[1])) return 0;
  const auto is_in_name = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  const auto end = std::find_if_not(text.begin() + 1, text.end(), is_in_name);
  return end == text.end() || *end != '}' ? 0 : static_cast<std::size_t>(end - text.begin()) + 1;
}

// A misspelt placeholder would be passed on as it is. A shell's ${NAME} is not taken for one.
Result<> check_placeholders(std::string_view word) {
  for (std::size_t at = 0; at < word.size(); ++at) {
    const std::string_view seen = word.substr(at, placeholder_length(word.substr(at)));
    if (seen.empty() || (at > 0 && word[at - 1] == '$')) continue;
    const bool is_known =
        std::any_of(kPlaceholders.begin(), kPlaceholders.end(),
                    [&](const Placeholder& placeholder) { return placeholder.name == seen; });
    if (!is_known) {
      return Error{"'" + std::string(seen) + "' stands for nothing; there are: " + placeholders()};
    }
  }
  return ok();
}

// In one pass: what is put in is not looked at again, whatever a cgroup may be called.
std::optional<std::string> filled(std::string_view word, const RecoveryTarget& target) {
  std::string text;
  while (!word.empty()) {
    const auto* found = std::find_if(
        kPlaceholders.begin(), kPlaceholders.end(),
        [&](const Placeholder& placeholder) { return word.starts_with(placeholder.name); });
    if (found == kPlaceholders.end()) {
      text += word.front();
      word.remove_prefix(1);
      continue;
    }
    const auto value = found->value(target);
    if (!value || value->empty()) return std::nullopt;
    text += *value;
    word.remove_prefix(found->name.size());
  }
  return text;
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
  return Splitter(text).split();
}

Result<CommandLine> CommandLine::parse(std::string_view text) {
  auto words = split_words(text);
  if (!words) return words.error();
  if (words.value().empty() || words.value().front().empty()) return Error{"no program is named"};
  std::string& program = words.value().front();
  for (const Placeholder& placeholder : kPlaceholders) {
    if (program.find(placeholder.name) == std::string::npos) continue;
    return Error{std::string(placeholder.name) +
                 " may stand in an argument, not in the program's name"};
  }
  for (std::size_t i = 1; i < words.value().size(); ++i) {
    if (auto known = check_placeholders(words.value()[i]); !known) return known.error();
  }
  auto path = find(program);
  if (!path) return path.error();
  if (auto checked = check(path.value()); !checked) return checked.error();
  program = std::move(path).value();
  return CommandLine(std::move(words).value());
}

std::optional<std::vector<std::string>> CommandLine::argv_for(const RecoveryTarget& target) const {
  std::vector<std::string> argv = words_;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    auto word = filled(words_[i], target);
    if (!word) return std::nullopt;
    argv[i] = std::move(*word);
  }
  return argv;
}

}  // namespace hb
