// LibbpfLog: collects the messages of libbpf and the verifier while it exists, instead of printing
// them.
//
// A failing load prints a long log, which matters only when no other way of loading works.
// libbpf_set_print() is per process: at most one LibbpfLog may exist at a time. One thread.
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

  // The last kLongestText_bytes of the text.
  [[nodiscard]] const std::string& text() const { return text_; }

  // Called by libbpf.
  void append(const char* format, std::va_list arguments);

 private:
  std::string text_;
};

}  // namespace hb::kernel
