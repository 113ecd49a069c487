#include "secure/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/fd.hpp"

namespace hb::secure {
namespace {

constexpr std::size_t kDigits = 2 * Key::kBytes;

// The file's text, with room for one more byte to detect a longer file. Wiped on destruction.
struct Text {
  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text() { ::OPENSSL_cleanse(bytes.data(), bytes.size()); }

  std::array<char, kDigits + 2> bytes{};
  std::size_t length = 0;
};

Error refusal(const std::string& path, const std::string& why) {
  return Error{"the key file " + path + " " + why, 0};
}

Result<Fd> open_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  const int code = errno;
  if (file) return file;
  if (code == ELOOP) return refusal(path, "is a symbolic link: name the file itself");
  if (code == ENOENT) {
    return refusal(path,
                   "does not exist: (umask 077; openssl rand -hex 32 > " + path + ") makes one");
  }
  return os_error(code, "cannot open the key file " + path);
}

Result<> check(const Fd& file, const std::string& path) {
  struct stat seen {};
  if (::fstat(file.get(), &seen) != 0) {
    const int code = errno;
    return os_error(code, "cannot look at the key file " + path);
  }
  if (!S_ISREG(seen.st_mode)) return refusal(path, "is not a regular file");
  if (seen.st_uid != ::geteuid() && seen.st_uid != 0) {
    return refusal(path, "belongs to user " + std::to_string(seen.st_uid) +
                             ": chown it to the user that reads it, or root");
  }
  if ((seen.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return refusal(path, "may be used by others: chmod 600 " + path + ", and make a new key");
  }
  if (seen.st_nlink != 1) return refusal(path, "has a second name (a hard link): copy it instead");
  return ok();
}

// -1: not a digit.
int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

Result<> read_all(const Fd& file, const std::string& path, Text& text) {
  while (text.length < text.bytes.size()) {
    const ssize_t got =
        ::read(file.get(), text.bytes.data() + text.length, text.bytes.size() - text.length);
    const int code = errno;
    if (got == 0) return ok();
    if (got > 0) {
      text.length += static_cast<std::size_t>(got);
    } else if (code != EINTR) {
      return os_error(code, "cannot read the key file " + path);
    }
  }
  return ok();
}

}  // namespace

std::optional<Key> parse_key(std::string_view text) {
  const bool newline = text.size() == kDigits + 1 && text.back() == '\n';
  if (text.size() != kDigits && !newline) return std::nullopt;
  Key key;
  for (std::size_t i = 0; i < Key::kBytes; ++i) {
    const int high = value_of(text[2 * i]);
    const int low = value_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key.bytes()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

Result<Key> read_key_file(const std::string& path) {
  auto file = open_file(path);
  if (!file) return file.error();
  if (auto checked = check(file.value(), path); !checked) return checked.error();
  Text text;
  if (auto read = read_all(file.value(), path, text); !read) return read.error();
  if (auto key = parse_key({text.bytes.data(), text.length})) return std::move(*key);
  return refusal(path,
                 "does not hold 64 hexadecimal digits and nothing else: "
                 "openssl rand -hex 32 writes such a key");
}

}  // namespace hb::secure
