// The values of an enum as an array: kEnumValues<E>.
//
// The enum's underlying type is std::uint8_t, its values count up from 0, and a constexpr name()
// beside it is a switch without default that returns a name for every value and kNoName after it.
// That switch is the only list of the values: -Werror=switch rejects one that leaves a value out,
// and name() is called here with all 256 numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace hb {

// What name() returns for a number that is not a value of its enum, and only then.
inline constexpr const char* kNoName = "(no value)";

template <typename Enum>
consteval std::size_t count_enum_values() {
  static_assert(std::is_same_v<std::underlying_type_t<Enum>, std::uint8_t>);
  std::size_t values = 0;
  for (std::size_t number = 0; number < 256; ++number) {
    if (std::string_view(name(static_cast<Enum>(number))) == kNoName) continue;
    if (number != values) throw "the values of this enum do not count up from 0";
    ++values;
  }
  return values;
}

template <typename Enum>
consteval auto list_enum_values() {
  std::array<Enum, count_enum_values<Enum>()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<Enum>(i);
  return values;
}

template <typename Enum>
inline constexpr auto kEnumValues = list_enum_values<Enum>();

}  // namespace hb
