// PidHash: maps pids to buckets, such that nobody can choose pids that collide.
//
// A sender on the network chooses the pid that it claims. Hence secret random factors: the
// probability that any two pids collide is at most twice that of two random numbers (the second
// step is multiply-shift with a random odd factor, Dietzfelbinger et al. 1997; the first is
// injective). One step alone is linear: arithmetic progressions of pids would cluster under an
// unlucky seed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hb {

class PidHash {
 public:
  // Into 2^bucket_bits buckets, bucket_bits <= 32.
  PidHash(unsigned bucket_bits, std::uint64_t seed)
      : bucket_bits_(bucket_bits),
        spread_(split_mix(seed) | 1),
        offset_(split_mix(seed)),
        choose_(split_mix(seed) | 1) {}

  [[nodiscard]] std::size_t operator()(std::uint32_t pid) const {
    std::uint64_t hash = spread_ * pid + offset_;
    hash ^= hash >> 32;
    hash *= choose_;
    return (hash >> 32) >> (32 - bucket_bits_);
  }

  [[nodiscard]] std::size_t buckets() const { return std::size_t{1} << bucket_bits_; }

 private:
  // One step of the SplitMix64 generator.
  static std::uint64_t split_mix(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  const unsigned bucket_bits_;
  const std::uint64_t spread_;
  const std::uint64_t offset_;
  const std::uint64_t choose_;
};

}  // namespace hb
