#include "publish/http_auth.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/fd.hpp"

namespace hb {
namespace {

constexpr std::string_view kBasic = "Basic ";
constexpr std::size_t kMostBytes = HttpAuth::kMostUsers * (HttpAuth::kLongestLine_bytes + 1);

Error refusal(const std::string& path, const std::string& why) {
  return Error{"--http-auth-file: " + path + " " + why, 0};
}

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > text.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

Result<Fd> open_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  const int code = errno;
  if (file) return file;
  if (code == ELOOP) return refusal(path, "is a symbolic link: name the file itself");
  return os_error(code, "--http-auth-file: cannot open " + path);
}

// As for a key file (secure/key_file.cpp).
Result<> check(const Fd& file, const std::string& path) {
  struct stat seen {};
  if (::fstat(file.get(), &seen) != 0) {
    const int code = errno;
    return os_error(code, "--http-auth-file: cannot look at " + path);
  }
  if (!S_ISREG(seen.st_mode)) return refusal(path, "is not a regular file");
  if (seen.st_uid != ::geteuid() && seen.st_uid != 0) {
    return refusal(path, "belongs to user " + std::to_string(seen.st_uid) +
                             ": chown it to the user that reads it, or root");
  }
  if ((seen.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return refusal(path, "may be used by others: chmod 600 " + path + ", and change the passwords");
  }
  if (seen.st_nlink != 1) return refusal(path, "has a second name (a hard link): copy it instead");
  return ok();
}

Result<std::string> read_all(const Fd& file, const std::string& path) {
  std::string text(kMostBytes + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0) return os_error(code, "--http-auth-file: cannot read " + path);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > kMostBytes) return refusal(path, "is larger than 64 users need");
  text.resize(length);
  return text;
}

std::string_view next_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void wipe(std::string& text) { ::explicit_bzero(text.data(), text.size()); }

}  // namespace

Result<HttpAuth> HttpAuth::read(const std::string& path) {
  auto file = open_file(path);
  if (!file) return file.error();
  if (auto good = check(file.value(), path); !good) return good.error();
  auto text = read_all(file.value(), path);
  if (!text) return text.error();
  auto parsed = parse(text.value(), path);
  hb::wipe(text.value());
  return parsed;
}

Result<HttpAuth> HttpAuth::parse(std::string_view text, const std::string& path) {
  HttpAuth auth;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const bool is_good = colon != std::string_view::npos && colon > 0 && colon + 1 < line.size() &&
                         line.size() <= kLongestLine_bytes;
    if (!is_good) {
      return refusal(path, "has in line " + std::to_string(number) +
                               " no user:password of at most 256 characters");
    }
    if (auth.accepted_.size() == kMostUsers) return refusal(path, "has more than 64 users");
    std::string header = std::string(kBasic) + base64(line);
    Header padded{};
    std::copy(header.begin(), header.end(), padded.begin());
    auth.accepted_.push_back(padded);
    hb::wipe(header);
  }
  if (auth.accepted_.empty()) {
    return refusal(path, "names no user: write user:password, one a line");
  }
  return auth;
}

bool HttpAuth::admits(std::string_view header) const {
  if (!is_on()) return true;
  Header given{};
  const bool fits = header.size() < given.size();
  if (fits) std::copy(header.begin(), header.end(), given.begin());
  // The scheme's name is written in any case (RFC 7235); what follows it is not.
  if (fits && header.size() > kBasic.size() &&
      ::strncasecmp(header.data(), kBasic.data(), kBasic.size()) == 0) {
    std::copy(kBasic.begin(), kBasic.end(), given.begin());
  }
  unsigned found = 0;
  for (const Header& accepted : accepted_) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < given.size(); ++i) {
      difference |= static_cast<unsigned>(static_cast<unsigned char>(given[i] ^ accepted[i]));
    }
    found |= static_cast<unsigned>(difference == 0);
  }
  return found != 0;
}

void HttpAuth::wipe() {
  for (Header& header : accepted_) ::explicit_bzero(header.data(), header.size());
  accepted_.clear();
}

}  // namespace hb
