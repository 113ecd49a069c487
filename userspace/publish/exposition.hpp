// Exposition: writes metrics as Prometheus reads them: text format 0.0.4, or OpenMetrics 1.0.
//
//   Exposition out(Format::Text);
//   out.family("hb_beats_total", Type::Counter, "beats that were accepted");
//   out.sample({{"service", "web.service"}}, 7);
//   std::string body = out.finish();
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "publish/histogram.hpp"

namespace hb {

class Exposition {
 public:
  enum class Format : std::uint8_t { Text, OpenMetrics };
  enum class Type : std::uint8_t { Counter, Gauge, Histogram };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Exposition(Format format) : format_(format) {}

  // The names of counters end with "_total". A unit, as in "_seconds", is told where the name has
  // it.
  void family(std::string_view name, Type type, std::string_view help);
  // Of the family that was begun last.
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void histogram(const Histogram& histogram);

  [[nodiscard]] std::string finish();

  // For Content-Type.
  [[nodiscard]] static const char* media_type(Format format);
  // What an Accept header asks for, as far as there is a choice.
  [[nodiscard]] static Format asked_for(std::string_view accept);

 private:
  void line(std::string_view suffix, Labels labels, std::string_view value);

  const Format format_;
  std::string text_;
  std::string family_;
};

}  // namespace hb
