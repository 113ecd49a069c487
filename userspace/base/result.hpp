// Result<T>: what a call that can fail returns, either a value or an Error. [[nodiscard]], so the
// compiler warns when it is ignored.
//
//   Result<Fd> made = make_socket();
//   if (!made) return made.error();
//   use(made.value());
//
// Result<> has no value: it is ok() or an Error.
//
// Domain outcomes (a verdict, a decode error) are not Errors but enums and variants. An Error means
// that a system call, a file or the kernel failed us.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace hb {

struct Error {
  std::string message;  // what was tried and why it failed
  int code = 0;         // errno, or 0 where there is none
};

// `code` is errno, saved by the caller in the statement right after the call that failed: building
// `doing` may already change it. Yields "doing: Permission denied".
[[nodiscard]] Error os_error(int code, const std::string& doing);

template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(*-explicit-*)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(*-explicit-*)

  explicit operator bool() const { return state_.index() == 0; }

  // Test with operator bool first; the wrong one throws std::bad_variant_access.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T value() && { return std::get<0>(std::move(state_)); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

inline Result<> ok() { return Result<>(std::monostate{}); }

}  // namespace hb
