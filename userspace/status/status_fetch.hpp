// StatusFetch: one reading of an observer's status document. The observer writes it to whoever
// connects, and closes.
//
//   auto begun = StatusFetch::begin("/run/hb-ebpf/status.sock");
//   poll(2) begun.value().fd() for POLLIN, then advance(); again until it returns true
//   begun.value().text()
//
// Never blocks. One thread. After an Error it is of no more use.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::status {

inline constexpr const char* kDefaultStatusSocket = "/run/hb-ebpf/status.sock";

class StatusFetch {
 public:
  // A longer document is refused.
  static constexpr std::size_t kMaxDocument_bytes = std::size_t{16} << 20;

  // Connects. The Error says what to do about it.
  static Result<StatusFetch> begin(const std::string& path);

  [[nodiscard]] int fd() const { return connection_.get(); }

  // Reads what has come. True: that was all.
  Result<bool> advance();

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  explicit StatusFetch(Fd connection) : connection_(std::move(connection)) {}

  Fd connection_;
  std::string text_;
};

// Blocks until the whole document has come, or for `patience` at most.
[[nodiscard]] Result<std::string> fetch_status(const std::string& path,
                                               std::chrono::milliseconds patience);

// "... does not answer": the document did not come in time.
[[nodiscard]] Error no_answer(const std::string& path, std::chrono::milliseconds patience);

}  // namespace hb::status
