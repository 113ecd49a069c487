// LibbpfLog: what libbpf and the verifier say while it lives, kept instead of printed.
//
// A load that is tried and may fail says a lot; only when nothing worked is it anybody's business.
// libbpf knows one printer per process: at most one LibbpfLog lives at a time. One thread.
#pragma once

#include <cstdarg>
#include <string>

namespace hb::kernel {

class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The text so far. Of a very long one (a verifier's log) the beginning is cut off.
  [[nodiscard]] const std::string& text() const { return text_; }

  // For libbpf alone to call.
  void append(const char* format, std::va_list arguments);

 private:
  std::string text_;
};

}  // namespace hb::kernel
