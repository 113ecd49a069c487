#include "report/loss_report.hpp"

#include <algorithm>
#include <utility>

namespace hb {
namespace {

struct Named {
  std::string_view reason;  // empty: no loss
  std::string_view what;
};

Named loss_of(const Total& total) {
  if (!total.metric->loss.empty()) return {total.metric->loss, total.metric->help};
  if (total.label == nullptr || total.label->lost.empty()) return {};
  return {total.label->name, total.label->lost};
}

// FNV-1a, the same in each process. Not 0.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash | 1;
}

}  // namespace

std::vector<Loss> LossReport::look(const Totals& totals, std::uint64_t now_ns) {
  count(totals);
  std::vector<Loss> notices;
  for (Reason& reason : reasons_) {
    if (reason.count <= reason.told) {
      reason.since_ns = now_ns;
      continue;
    }
    if (!reason.told_ns || now_ns - *reason.told_ns >= kPause_ns) {
      notices.push_back(tell(reason, now_ns));
    }
  }
  looked_ns_ = now_ns;
  return notices;
}

std::vector<Loss> LossReport::finish(const Totals& totals, std::uint64_t now_ns) {
  for (Reason& reason : reasons_) reason.told_ns.reset();
  return look(totals, now_ns);
}

void LossReport::count(const Totals& totals) {
  for (Reason& reason : reasons_) reason.count = 0;
  for (const Total& total : totals) {
    const auto [reason, what] = loss_of(total);
    if (!reason.empty()) add(reason, what, total.value);
  }
  for (Reason& reason : reasons_) take_back(reason);
}

void LossReport::add(std::string_view name, std::string_view what, std::uint64_t value) {
  const auto known = std::find_if(reasons_.begin(), reasons_.end(),
                                  [&](const Reason& reason) { return reason.name == name; });
  if (known != reasons_.end()) {
    known->count += value;
  } else {
    reasons_.push_back({.name = name,
                        .what = what,
                        .count = value,
                        .kept = kept_of(name),
                        .since_ns = looked_ns_});
  }
}

// What a predecessor has told, unless these counters have begun anew.
void LossReport::take_back(Reason& reason) {
  if (std::exchange(reason.is_known, true) || reason.kept == nullptr) return;
  if (reason.count >= reason.kept->count) reason.told = reason.kept->count;
}

// nullptr: there is none.
LossReport::Told* LossReport::kept_of(std::string_view reason) const {
  if (kept_ == nullptr) return nullptr;
  const std::uint64_t hash = hash_of(reason);
  for (Told& one : *kept_) {
    if (one.reason == 0) one.reason = hash;
    if (one.reason == hash) return &one;
  }
  return nullptr;
}

Loss LossReport::tell(Reason& reason, std::uint64_t now_ns) {
  const Loss loss{.reason = reason.name,
                  .count = reason.count - reason.told,
                  .since_ns = reason.since_ns - start_ns_,
                  .total = reason.count,
                  .observer_ns = now_ns - start_ns_,
                  .what = reason.what};
  reason.told = reason.count;
  if (reason.kept != nullptr) reason.kept->count = reason.count;
  reason.told_ns = reason.since_ns = now_ns;
  return loss;
}

}  // namespace hb
