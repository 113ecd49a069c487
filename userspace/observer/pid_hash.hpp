// PidHash: maps pids to buckets, such that nobody can choose pids that collide.
//
// A sender on the network chooses the pid that it claims. Hence secret random factors: the
// probability that any two pids collide is at most twice that of two random numbers (the second
// step is multiply-shift with a random odd factor, Dietzfelbinger et al. 1997; the first is
// injective). One step alone is linear: arithmetic progressions of pids would cluster under an
// unlucky seed.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "identity/host_address.hpp"

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

  // One step of the SplitMix64 generator.
  static std::uint64_t split_mix(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  const unsigned bucket_bits_;
  const std::uint64_t spread_;
  const std::uint64_t offset_;
  const std::uint64_t choose_;
};

// HostHash: the same for pairs of an address and a number, both of which a sender on the network
// may choose. Multilinear hashing: any two pairs have the same 32 bits with probability 2^-32.
class HostHash {
 public:
  explicit HostHash(std::uint64_t seed) {
    for (std::uint64_t& factor : factors_) factor = PidHash::split_mix(seed);
  }

  [[nodiscard]] std::uint32_t operator()(const HostAddress& host, std::uint32_t number) const {
    const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(host.bytes);
    std::uint64_t hash = factors_[0] + factors_[1] * number;
    for (std::size_t i = 0; i < words.size(); ++i) hash += factors_[2 + i] * words[i];
    return static_cast<std::uint32_t>(hash >> 32);
  }

 private:
  std::array<std::uint64_t, 6> factors_{};
};

}  // namespace hb
