#include "lab/compare/conclusion.hpp"

#include <variant>

namespace hb::compare {
namespace {

struct Concluded {
  using Maybe = std::optional<Conclusion>;

  Maybe operator()(const Beat&) const { return Conclusion::Beat; }
  Maybe operator()(const AuthFailure& failure) const {
    return failure.cause == AuthFailureCause::Unreadable ? Conclusion::Unknown
                                                         : Conclusion::AuthFailure;
  }
  Maybe operator()(const NamespaceConflict&) const { return Conclusion::NamespaceConflict; }
  Maybe operator()(const Stall&) const { return std::nullopt; }
  Maybe operator()(const Decode&) const { return std::nullopt; }
  Maybe operator()(const OriginConflict&) const { return std::nullopt; }
  Maybe operator()(const Notice&) const { return std::nullopt; }
  Maybe operator()(const Io&) const { return std::nullopt; }
  Maybe operator()(const CtrlTruncated&) const { return std::nullopt; }
};

}  // namespace

bool is_wrong(Conclusion conclusion, Conclusion truth) {
  return conclusion != Conclusion::Unavailable && conclusion != truth;
}

Conclusions both(const Conclusions& first, const Conclusions& second, Conclusion truth) {
  Conclusions worse;
  for (const Mechanism mechanism : kMechanisms) {
    worse[mechanism] = is_wrong(first[mechanism], truth) ? first[mechanism] : second[mechanism];
  }
  return worse;
}

std::optional<Conclusion> conclusion_of(const Event& event) {
  return std::visit(Concluded{}, event);
}

std::optional<Conclusion> conclusion_named(std::string_view word) {
  for (const Conclusion conclusion : kEnumValues<Conclusion>) {
    if (word == name(conclusion)) return conclusion;
  }
  return std::nullopt;
}

}  // namespace hb::compare
