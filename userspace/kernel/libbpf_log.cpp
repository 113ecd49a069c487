#include "kernel/libbpf_log.hpp"

#include <bpf/libbpf.h>

#include <cstdio>
#include <vector>

namespace hb::kernel {
namespace {

constexpr std::size_t kLongestText_bytes = 64 * 1024;

LibbpfLog* current = nullptr;

int keep(libbpf_print_level level, const char* format, std::va_list arguments) {
  if (level != LIBBPF_DEBUG && current != nullptr) current->append(format, arguments);
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  current = this;
  libbpf_set_print(keep);
}

LibbpfLog::~LibbpfLog() { current = nullptr; }

void LibbpfLog::append(const char* format, std::va_list arguments) {
  std::va_list measured;
  va_copy(measured, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, measured);
  va_end(measured);
  if (length <= 0) return;

  std::vector<char> message(static_cast<std::size_t>(length) + 1);
  std::vsnprintf(message.data(), message.size(), format, arguments);
  text_.append(message.data(), message.size() - 1);
  if (text_.size() > kLongestText_bytes) text_.erase(0, text_.size() - kLongestText_bytes);
}

}  // namespace hb::kernel
