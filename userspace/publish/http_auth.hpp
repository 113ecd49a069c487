// HttpAuth: who may read by HTTP: basic authentication (RFC 7617) by a file of `user:password`
// lines.
//
// Credentials are kept as the header that a client sends, and compared without a branch that
// depends on them. They are wiped on destruction.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hb {

class HttpAuth {
 public:
  static constexpr std::size_t kMostUsers = 64;
  static constexpr std::size_t kLongestLine_bytes = 256;

  HttpAuth() = default;  // everybody may
  HttpAuth(const HttpAuth&) = default;
  HttpAuth& operator=(const HttpAuth&) = default;
  ~HttpAuth() { wipe(); }

  // A regular file with one name and no symbolic link, which only root or this user may read or
  // write. Empty lines and such that begin with '#' are left out. The Error names the remedy.
  [[nodiscard]] static Result<HttpAuth> read(const std::string& path);
  [[nodiscard]] static Result<HttpAuth> parse(std::string_view text, const std::string& path);

  [[nodiscard]] bool is_on() const { return !accepted_.empty(); }
  // `header`: of Authorization, or empty.
  [[nodiscard]] bool admits(std::string_view header) const;
  void wipe();

 private:
  using Header = std::array<char, 512>;  // padded with zeros

  std::vector<Header> accepted_;
};

}  // namespace hb
