// Asking the CPU to bring a cache line while something else is done. The empty asm is there because
// gcc 12 deletes loops that do nothing but prefetch: with it a million agents cost half as much.
#pragma once

namespace hb {

// The line is about to be read. `at` may be any address, even an invalid one.
inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  asm volatile("" : : "r"(at));
}

// And to be written.
inline void prefetch_for_writing(const void* at) {
  __builtin_prefetch(at, 1);
  asm volatile("" : : "r"(at));
}

}  // namespace hb
