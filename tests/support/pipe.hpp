// A pipe with a test at its reading end.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "base/fd.hpp"

namespace hb::test {

class Pipe {
 public:
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }

  [[nodiscard]] int in() const { return write_.get(); }
  [[nodiscard]] int out() const { return read_.get(); }
  void close_reader() { read_.reset(); }
  void close_writer() { write_.reset(); }

  // Nothing more goes in.
  void fill() {
    ::fcntl(write_.get(), F_SETFL, O_NONBLOCK);
    const std::string page(4096, 'x');
    while (::write(write_.get(), page.data(), page.size()) > 0) {
    }
    ::fcntl(write_.get(), F_SETFL, 0);
  }

  // What is in it, up to `at_most`; waits for the first byte.
  std::string text(std::size_t at_most = 65536) {
    std::string text(at_most, '\0');
    const ssize_t length = ::read(read_.get(), text.data(), text.size());
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text;
  }

 private:
  Fd read_;
  Fd write_;
};

}  // namespace hb::test
