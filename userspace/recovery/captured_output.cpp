#include "recovery/captured_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hb {
namespace {

constexpr std::size_t kChunk_bytes = 16 * 1024;
constexpr int kChunksPerDrain = 16;  // more than a pipe holds

}  // namespace

void CapturedOutput::drain() {
  std::array<char, kChunk_bytes> chunk;
  for (int i = 0; i < kChunksPerDrain && pipe_; ++i) {
    const ssize_t length = ::read(pipe_.get(), chunk.data(), chunk.size());
    const int code = errno;
    if (length > 0) {
      keep(chunk.data(), static_cast<std::size_t>(length));
    } else if (length == 0 || (code != EAGAIN && code != EINTR)) {
      pipe_.reset();
    } else if (code == EAGAIN) {
      return;
    }
  }
}

void CapturedOutput::keep(const char* data, std::size_t length) {
  const std::size_t kept = std::min(length, limit_bytes_ - text_.size());
  text_.append(data, kept);
  discarded_bytes_ += length - kept;
}

}  // namespace hb
