// Prefetches a cache line. The empty asm is there because gcc 12 deletes loops that do nothing but
// prefetch; with it a beat among a million agents costs half as much.
#pragma once

namespace hb {

// For reading. `at` may be any address, even an invalid one.
inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  asm volatile("" : : "r"(at));
}

// For writing.
inline void prefetch_for_writing(const void* at) {
  __builtin_prefetch(at, 1);
  asm volatile("" : : "r"(at));
}

}  // namespace hb
