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

const char* name(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::Beat: return "beat";
    case Conclusion::AuthFailure: return "auth_failure";
    case Conclusion::NamespaceConflict: return "namespace_conflict";
    case Conclusion::Unknown: return "unknown";
    case Conclusion::Unavailable: return "unavailable";
  }
  return "unknown";
}

const char* name(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::Kernel: return "kernel";
    case Mechanism::Procfs: return "procfs";
    case Mechanism::Pidfd: return "pidfd";
  }
  return "unknown";
}

std::optional<Conclusion> conclusion_named(std::string_view word) {
  for (const auto conclusion :
       {Conclusion::Beat, Conclusion::AuthFailure, Conclusion::NamespaceConflict,
        Conclusion::Unknown, Conclusion::Unavailable}) {
    if (word == name(conclusion)) return conclusion;
  }
  return std::nullopt;
}

}  // namespace hb::compare
