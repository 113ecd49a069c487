#include "observer/pid_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hb {
namespace {

constexpr unsigned kBits = 10;
constexpr std::size_t kPids = std::size_t{1} << kBits;

// Of as many pids as buckets: how many share the fullest bucket.
std::size_t fullest(const PidHash& hash, const std::vector<std::uint32_t>& pids) {
  std::vector<std::size_t> buckets(hash.buckets());
  for (const std::uint32_t pid : pids) ++buckets[hash(pid)];
  return *std::max_element(buckets.begin(), buckets.end());
}

std::vector<std::uint32_t> every(std::uint32_t stride) {
  std::vector<std::uint32_t> pids;
  for (std::uint32_t n = 1; pids.size() < kPids; ++n) pids.push_back(n * stride);
  return pids;
}

// What an attacker who knows the seed would send.
std::vector<std::uint32_t> all_in_one_bucket(const PidHash& hash) {
  std::vector<std::uint32_t> pids;
  for (std::uint32_t pid = 2; pids.size() < kPids; ++pid) {
    if (hash(pid) == 0) pids.push_back(pid);
  }
  return pids;
}

TEST(PidHash, SpreadsPidsAsTheKernelGivesThemOut) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    EXPECT_LE(fullest(PidHash(kBits, seed), every(1)), 16U) << seed;
  }
}

TEST(PidHash, SpreadsPidsThatDifferInHighBitsOnly) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    EXPECT_LE(fullest(PidHash(kBits, seed), every(std::uint32_t{1} << 22)), 16U) << seed;
  }
}

TEST(PidHash, PidsThatShareABucketUnderOneSeedDoNotUnderOthers) {
  const auto hostile = all_in_one_bucket(PidHash(kBits, 12345));
  ASSERT_EQ(fullest(PidHash(kBits, 12345), hostile), kPids);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_LE(fullest(PidHash(kBits, seed), hostile), 16U) << seed;
  }
}

TEST(PidHash, OfZeroBitsHasOneBucket) {
  EXPECT_EQ(PidHash(0, 1).buckets(), 1U);
  EXPECT_EQ(PidHash(0, 1)(0xFFFFFFFF), 0U);
}

}  // namespace
}  // namespace hb
