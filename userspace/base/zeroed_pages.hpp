// ZeroedPages: memory for one large table. Comes as untouched pages of zeros, so that what nobody
// uses costs nothing; never grows, goes back with its owner.
//
// A table of kHugeFrom_bytes or more asks for huge pages: looked into at random, it would spend
// more time on finding its pages than on reading them. Its first use then costs up to two MiB.
//
// Throws std::bad_alloc. Neither copied nor moved.
#pragma once

#include <cstddef>

namespace hb {

class ZeroedPages {
 public:
  static constexpr std::size_t kHugeFrom_bytes = std::size_t{4} << 20;

  explicit ZeroedPages(std::size_t bytes);
  ZeroedPages(const ZeroedPages&) = delete;
  ZeroedPages& operator=(const ZeroedPages&) = delete;
  ~ZeroedPages();

  // At the start of a page.
  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(memory_);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_;
  void* const memory_;
};

}  // namespace hb
