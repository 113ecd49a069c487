#include "status/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recovery/printable.hpp"
#include "status/amounts.hpp"
#include "status/top_table.hpp"

namespace hb::status {
namespace {

constexpr std::size_t kLongestFilter = 64;
constexpr std::size_t kMostReasons = 3;  // lines of them, at the top

constexpr std::string_view kPaused = "paused  ";

constexpr const char* kKeys =
    "q quit  space pause  / filter  by: a age r rate p pid e service t stalls c comm";

ScreenLine cut(ScreenLine line, std::size_t columns) {
  std::size_t taken = 0;
  for (Span& span : line) {
    if (taken + span.text.size() > columns) span.text = left(span.text, columns - taken);
    taken += span.text.size();
  }
  return line;
}

// How much of `text` goes on a line: whole words if there is a blank to break at.
std::size_t line_end(std::string_view text, std::size_t width) {
  if (text.size() <= width) return text.size();
  const auto blank = text.rfind(' ', width);
  return blank == std::string_view::npos || blank == 0 ? width : blank;
}

// On as many lines as it takes, within kMostReasons. The first has room for "paused".
std::vector<ScreenLine> wrapped(std::string_view text, std::size_t columns) {
  std::vector<ScreenLine> lines;
  std::size_t width = columns > kPaused.size() ? columns - kPaused.size() : columns;
  for (; !text.empty() && width > 0 && lines.size() < kMostReasons; width = columns) {
    const std::size_t end = line_end(text, width);
    lines.push_back({{std::string(text.substr(0, end)), Look::Bad}});
    text.remove_prefix(end);
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
  return lines;
}

Span word(const char* good, const char* bad, std::optional<bool> truth) {
  return truth == true ? Span{good, Look::Good} : Span{bad, Look::Bad};
}

bool is_well(const ServiceLine& service) {
  const bool is_healthy = !service.state || service.state == "healthy";
  return is_healthy && service.silent.value_or(0) == 0;
}

ScreenLine totals_line(const StatusDocument& d, const BeatRates& rates) {
  return {{fmt::format("agents {} ({} silent)  beats/s {}  stalls {}  loop {}  self-beat {}",
                       count_text(d.agent_count()), count_text(d.silent_count()),
                       rate_text(rates.of_all()), count_text(d.counter_sum("stalls_total")),
                       duration_text(d.loop_age_ns), duration_text(d.self_beat_age_ns)),
           Look::Plain}};
}

ScreenLine losses_line(const StatusDocument& d) {
  if (d.losses.empty()) return {{"nothing lost", Look::Dim}};
  std::string text = "lost:";
  for (const LossLine& loss : d.losses) {
    text += "  " + or_dash(loss.reason) + " " + count_text(loss.count);
  }
  return {{text, Look::Bad}};
}

std::vector<ScreenLine> reason_lines(const StatusDocument& d) {
  std::vector<ScreenLine> lines;
  for (const auto& reason : d.reasons) {
    if (lines.size() == kMostReasons) break;
    lines.push_back({{"! " + reason, Look::Bad}});
  }
  return lines;
}

}  // namespace

void TopView::resize(Size size) {
  size_ = size;
  scroll_to(first_row_);
}

void TopView::take(StatusDocument document) {
  rates_.take(document);
  document_ = std::move(document);
  lost_.clear();
  rearrange();
}

void TopView::lose(const std::string& why) {
  lost_ = printable(why);
  scroll_to(first_row_);
}

void TopView::press(Key key) {
  if (is_typing_) return type(key);
  const std::size_t page = std::max<std::size_t>(agent_rows(), 1);
  switch (key.name) {
    case Key::Name::Character: return press_character(key.character);
    case Key::Name::Up: return scroll_to(first_row_ - std::min<std::size_t>(first_row_, 1));
    case Key::Name::Down: return scroll_to(first_row_ + 1);
    case Key::Name::PageUp: return scroll_to(first_row_ - std::min(first_row_, page));
    case Key::Name::PageDown: return scroll_to(first_row_ + page);
    case Key::Name::Home: return scroll_to(0);
    case Key::Name::End: return scroll_to(arranged_.size());
    case Key::Name::Escape: arrangement_.filter.clear(); return rearrange();
    case Key::Name::Enter:
    case Key::Name::Backspace: return;
  }
}

void TopView::type(Key key) {
  std::string& filter = arrangement_.filter;
  switch (key.name) {
    case Key::Name::Character:
      if (filter.size() < kLongestFilter) filter += key.character;
      break;
    case Key::Name::Backspace:
      if (!filter.empty()) filter.pop_back();
      break;
    case Key::Name::Escape: filter.clear(); [[fallthrough]];
    case Key::Name::Enter: is_typing_ = false; break;
    case Key::Name::Up:
    case Key::Name::Down:
    case Key::Name::PageUp:
    case Key::Name::PageDown:
    case Key::Name::Home:
    case Key::Name::End: break;
  }
  rearrange();
}

void TopView::press_character(char character) {
  switch (character) {
    case 'q': is_over_ = true; return;
    case ' ': is_paused_ = !is_paused_; return;
    case '/': is_typing_ = true; return;
    case 'k': return press({Key::Name::Up});
    case 'j': return press({Key::Name::Down});
    case 'a': return order_by(AgentOrder::Age);
    case 'r': return order_by(AgentOrder::Rate);
    case 'p': return order_by(AgentOrder::Pid);
    case 'e': return order_by(AgentOrder::Service);
    case 't': return order_by(AgentOrder::Stalls);
    case 'c': return order_by(AgentOrder::Comm);
    default: return;
  }
}

// The same order again reverses it.
void TopView::order_by(AgentOrder order) {
  arrangement_.is_reversed = arrangement_.order == order && !arrangement_.is_reversed;
  arrangement_.order = order;
  first_row_ = 0;
  rearrange();
}

void TopView::scroll_to(std::size_t row) {
  const std::size_t shown = agent_rows();
  const std::size_t last = arranged_.size() > shown ? arranged_.size() - shown : 0;
  first_row_ = std::min(row, last);
}

void TopView::rearrange() {
  arranged_.clear();
  if (document_) arranged_ = arrange(document_->agents, rates_, arrangement_);
  scroll_to(first_row_);
}

std::string TopView::position() const {
  const std::size_t last = std::min(first_row_ + agent_rows(), arranged_.size());
  return fmt::format("{}-{}/{} by {}{}", arranged_.empty() ? 0 : first_row_ + 1, last,
                     arranged_.size(), name(arrangement_.order),
                     arrangement_.is_reversed ? " reversed" : "");
}

ScreenLine TopView::first_line() const {
  if (!document_) return {{"waiting for the observer", Look::Plain}};
  ScreenLine line;
  const StatusDocument& d = *document_;
  line.push_back({fmt::format("hb-ebpf {}  pid {}  up {}  ", or_dash(d.hb_version),
                              d.pid ? std::to_string(*d.pid) : "-", duration_text(d.uptime_ns)),
                  Look::Bold});
  line.push_back(word("healthy", "NOT HEALTHY", d.healthy));
  line.push_back({"  "});
  line.push_back(word("ready", "NOT READY", d.ready));
  return line;
}

std::vector<ScreenLine> TopView::header() const {
  std::vector<ScreenLine> lines;
  for (ScreenLine& line : wrapped(lost_, size_.columns)) lines.push_back(std::move(line));
  if (lines.empty()) lines.push_back(first_line());
  if (is_paused_)
    lines.front().insert(lines.front().begin(), {std::string(kPaused), Look::Warning});
  if (!document_) return lines;
  for (ScreenLine& reason : reason_lines(*document_)) lines.push_back(std::move(reason));
  lines.push_back(totals_line(*document_, rates_));
  lines.push_back(losses_line(*document_));
  return lines;
}

std::vector<ScreenLine> TopView::service_table(std::size_t header_rows) const {
  std::vector<ScreenLine> table;
  if (!document_ || document_->services.empty()) return table;
  std::vector<const ServiceLine*> services;
  for (const ServiceLine& service : document_->services) services.push_back(&service);
  std::stable_partition(services.begin(), services.end(),
                        [](const ServiceLine* service) { return !is_well(*service); });

  constexpr std::size_t kHeadingsAndFooter = 3;
  const std::size_t taken = header_rows + kHeadingsAndFooter;
  const std::size_t room =
      size_.rows > taken ? std::max<std::size_t>((size_.rows - taken) / 3, 1) : 0;
  const std::size_t shown =
      services.size() <= room ? services.size() : room - std::min<std::size_t>(room, 1);
  table.push_back(service_heading(size_.columns));
  for (std::size_t i = 0; i < shown; ++i) {
    table.push_back(service_row(*services[i], size_.columns));
  }
  if (shown < services.size()) {
    table.push_back({{fmt::format("and {} more", services.size() - shown), Look::Dim}});
  }
  return table;
}

std::vector<ScreenLine> TopView::above_agents() const {
  std::vector<ScreenLine> lines = header();
  if (!document_) return lines;
  for (ScreenLine& line : service_table(lines.size())) lines.push_back(std::move(line));
  lines.push_back(agent_heading(size_.columns));
  return lines;
}

std::size_t TopView::agent_rows() const {
  const std::size_t taken = above_agents().size() + 1;  // and the footer
  return size_.rows > taken ? size_.rows - taken : 0;
}

ScreenLine TopView::footer() const {
  if (is_typing_) {
    return {{"/" + arrangement_.filter, Look::Bold},
            {"_  Enter keeps this filter, Esc drops it", Look::Dim}};
  }
  if (arrangement_.filter.empty()) return {{kKeys, Look::Dim}};
  return {{"filter: " + arrangement_.filter, Look::Bold},
          {"  Esc drops it  ", Look::Dim},
          {kKeys, Look::Dim}};
}

std::vector<ScreenLine> TopView::lines() const {
  std::vector<ScreenLine> lines = above_agents();
  const std::string where = position();
  const std::size_t width = width_of(lines.front());
  if (document_ && lost_.empty() && width + 1 + where.size() <= size_.columns) {
    lines.front().push_back({right(where, size_.columns - width), Look::Plain});
  }
  const std::size_t end = std::min(first_row_ + agent_rows(), arranged_.size());
  for (std::size_t i = first_row_; i < end; ++i) {
    lines.push_back(agent_row(arranged_[i], size_.columns));
  }
  lines.resize(size_.rows);
  if (size_.rows > 1) lines.back() = footer();
  for (ScreenLine& line : lines) line = cut(std::move(line), size_.columns);
  return lines;
}

}  // namespace hb::status
