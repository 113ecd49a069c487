#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/bench/report.hpp"

namespace hb::bench {
namespace {

// Rows of one measurement with the same unit, drawn in one panel.
struct Panel {
  std::string title;
  std::string unit;
  std::vector<const Row*> rows;
};

std::string group_of(const Row& row) { return row.name.substr(0, row.name.find('/')); }

std::vector<Panel> panels_of(const Findings& findings) {
  std::vector<Panel> panels;
  for (const Row& row : findings.rows()) {
    Panel* mine = nullptr;
    for (Panel& panel : panels) {
      if (panel.title == group_of(row) && panel.unit == row.unit) mine = &panel;
    }
    if (mine == nullptr) mine = &panels.emplace_back(Panel{group_of(row), row.unit, {}});
    mine->rows.push_back(&row);
  }
  return panels;
}

// Quotes and escapes a string, so that gnuplot takes it as text.
std::string quoted(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '"' || c == '\\' || c == '\n' ? ' ' : c;
  return '"' + safe + '"';
}

std::string label_of(const Row& row) {
  const std::size_t slash = row.name.find('/');
  return slash == std::string::npos ? row.name : row.name.substr(slash + 1);
}

// Larger ranges get a logarithmic scale.
constexpr double kLinear = 30;

const char* scale_of(const Panel& panel) {
  double least = INFINITY;
  double most = 0;
  for (const Row* row : panel.rows) {
    const double middle = median(row->samples).value_or(0);
    least = std::min(least, middle);
    most = std::max(most, quantile(row->samples, 1).value_or(0));
  }
  if (least > 0 && most / least > kLinear) return "set logscale y\nset yrange [*:*]\n";
  return most > 0 ? "unset logscale y\nset yrange [0:*]\n" : "unset logscale y\nset yrange [0:1]\n";
}

// LABEL MEDIAN MIN MAX, one row a line.
std::string data_of(const Panel& panel, std::size_t index) {
  std::string data = fmt::format("$rows{} << EOD\n", index);
  for (const Row* row : panel.rows) {
    data +=
        fmt::format("{} {:g} {:g} {:g}\n", quoted(label_of(*row)), median(row->samples).value_or(0),
                    quantile(row->samples, 0).value_or(0), quantile(row->samples, 1).value_or(0));
  }
  return data + "EOD\n";
}

std::string commands_of(const Panel& panel, std::size_t index) {
  std::string script = data_of(panel, index);
  script += fmt::format("set title {}\nset ylabel {}\n", quoted(panel.title), quoted(panel.unit));
  script += scale_of(panel);
  script += fmt::format(
      "plot $rows{0} using 0:2:xtic(1) with boxes linecolor rgb '#4c72b0' notitle, "
      "$rows{0} using 0:2:3:4 with yerrorbars linecolor rgb '#222222' pointtype 0 notitle\n",
      index);
  return script;
}

}  // namespace

std::string as_plot_script(const Report& report) {
  const std::vector<Panel> panels = panels_of(report.findings);
  const std::size_t columns = panels.size() < 2 ? 1 : 2;
  const std::size_t lines = std::max<std::size_t>(1, (panels.size() + columns - 1) / columns);
  std::string script = fmt::format(
      "set terminal svg size {},{} noenhanced font 'sans-serif,11' background '#ffffff'\n"
      "set boxwidth 0.6\nset style fill solid 0.7 noborder\nset xtics rotate by -35\n"
      "set grid ytics\nset multiplot layout {},{} title {}\n",
      600 * columns, 380 * lines + 40, lines, columns,
      quoted(fmt::format("hb-ebpf {} ({}), Linux {}, {} x {}", report.host.version,
                         report.host.revision, report.host.kernel, report.host.cores,
                         report.host.cpu)));
  for (std::size_t i = 0; i < panels.size(); ++i) script += commands_of(panels[i], i);
  return script + "unset multiplot\n";
}

}  // namespace hb::bench
