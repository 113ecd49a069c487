#include <gtest/gtest.h>

#include "status/top_view.hpp"
#include "tests/status/documents.hpp"
#include "tests/status/view_text.hpp"

namespace hb::test {
namespace {

using status::Key;

// 1,024 agents with pids from 1000 on, the oldest beat first, on a screen with 19 rows for them.
class TopKeys : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kAgents = 1024;

  TopKeys() {
    Json json = document_json();
    for (std::uint64_t i = 0; i < kAgents; ++i) {
      Json agent = agent_json(1000 + i, 1'000'000 * (kAgents - i));
      agent["comm"] = i % 2 == 0 ? "even" : "odd";
      add_agent(json, agent);
    }
    view_.take(document_of(json));
  }

  void type(const std::string& text) {
    for (const char c : text) view_.press({Key::Name::Character, c});
  }

  void press(Key::Name name) { view_.press({name}); }

  std::string first_row() { return text_of(view_).at(4).substr(0, 7); }
  std::string last_row() { return text_of(view_).at(22).substr(0, 7); }
  std::string position() {
    const std::string line = text_of(view_).front();
    return line.substr(line.find_last_of(' ', line.find(" by ") - 1) + 1);
  }

  status::TopView view_{{24, 80}};
};

TEST_F(TopKeys, BeginAtTheTopOf1024Agents) {
  EXPECT_EQ(first_row(), "   1000");
  EXPECT_EQ(last_row(), "   1018");
  EXPECT_EQ(position(), "1-19/1024 by age");
}

TEST_F(TopKeys, ScrollByARow) {
  press(Key::Name::Up);
  EXPECT_EQ(first_row(), "   1000");
  press(Key::Name::Down);
  type("j");
  EXPECT_EQ(first_row(), "   1002");
  EXPECT_EQ(position(), "3-21/1024 by age");
  type("k");
  EXPECT_EQ(first_row(), "   1001");
}

TEST_F(TopKeys, ScrollByAPageAndToTheEnds) {
  press(Key::Name::PageDown);
  EXPECT_EQ(position(), "20-38/1024 by age");
  press(Key::Name::End);
  EXPECT_EQ(position(), "1006-1024/1024 by age");
  EXPECT_EQ(last_row(), "   2023");
  press(Key::Name::PageDown);
  press(Key::Name::Down);
  EXPECT_EQ(last_row(), "   2023");
  press(Key::Name::PageUp);
  EXPECT_EQ(position(), "987-1005/1024 by age");
  press(Key::Name::Home);
  EXPECT_EQ(first_row(), "   1000");
}

TEST_F(TopKeys, OrderAndReverse) {
  type("a");
  EXPECT_EQ(position(), "1-19/1024 by age reversed");
  EXPECT_EQ(first_row(), "   2023");
  type("a");
  EXPECT_EQ(position(), "1-19/1024 by age");
  type("p");
  EXPECT_EQ(position(), "1-19/1024 by pid");
  type("p");
  EXPECT_EQ(first_row(), "   2023");
  type("c");
  EXPECT_EQ(position(), "1-19/1024 by comm");
  EXPECT_EQ(last_row(), "   1036");
  for (const auto& [key, name] : {std::pair("r", "rate"), {"e", "service"}, {"t", "stalls"}}) {
    type(key);
    EXPECT_EQ(position(), std::string("1-19/1024 by ") + name);
  }
}

TEST_F(TopKeys, FilterWhileTyping) {
  type("/102");
  EXPECT_EQ(position(), "1-11/11 by age");
  EXPECT_EQ(text_of(view_).back(), "/102_  Enter keeps this filter, Esc drops it");
  type("2");
  EXPECT_EQ(position(), "1-1/1 by age");
  press(Key::Name::Backspace);
  EXPECT_EQ(position(), "1-11/11 by age");
  press(Key::Name::Enter);
  EXPECT_EQ(text_of(view_).back().substr(0, 31), "filter: 102  Esc drops it  q qu");
  press(Key::Name::Escape);
  EXPECT_EQ(position(), "1-19/1024 by age");
}

TEST_F(TopKeys, AreTextWhileAFilterIsTyped) {
  type("/q p");
  EXPECT_FALSE(view_.is_over());
  EXPECT_FALSE(view_.is_paused());
  EXPECT_EQ(position(), "0-0/0 by age");
  press(Key::Name::Escape);
  EXPECT_EQ(position(), "1-19/1024 by age");
  type("/");
  type(std::string(1000, 'x'));
  EXPECT_EQ(text_of(view_).back(), "/" + std::string(64, 'x') + "_  Enter keeps~");
  press(Key::Name::Backspace);
  press(Key::Name::Down);
  EXPECT_EQ(text_of(view_).size(), 24U);
}

TEST_F(TopKeys, ShowAgainWhatIsThereWhenAFilterLeavesLess) {
  press(Key::Name::End);
  type("/1000");
  EXPECT_EQ(first_row(), "   1000");
}

TEST_F(TopKeys, PauseAndGoOn) {
  type(" ");
  EXPECT_TRUE(view_.is_paused());
  EXPECT_EQ(text_of(view_).front().substr(0, 15), "paused  hb-ebpf");
  type(" ");
  EXPECT_FALSE(view_.is_paused());
}

TEST_F(TopKeys, Quit) {
  EXPECT_FALSE(view_.is_over());
  type("q");
  EXPECT_TRUE(view_.is_over());
}

TEST_F(TopKeys, WithNoMeaningDoNothing) {
  const auto before = text_of(view_);
  type("zQ!7");
  press(Key::Name::Enter);
  press(Key::Name::Backspace);
  EXPECT_EQ(text_of(view_), before);
}

TEST_F(TopKeys, KeepTheirPlaceWhenAgentsLeave) {
  press(Key::Name::End);
  Json json = document_json();
  add_agent(json, agent_json(7));
  view_.take(document_of(json));
  EXPECT_EQ(first_row(), "      7");
  view_.take(document_of(document_json()));
  EXPECT_EQ(position(), "0-0/0 by age");
}

TEST_F(TopKeys, KeepTheirPlaceOnALargerScreen) {
  press(Key::Name::End);
  view_.resize({34, 80});
  EXPECT_EQ(position(), "996-1024/1024 by age");
}

TEST_F(TopKeys, WorkBeforeThereIsAnyDocument) {
  status::TopView view({24, 80});
  for (const char c : std::string("jkarpetc/x")) view.press({Key::Name::Character, c});
  view.press({Key::Name::Enter});
  for (const auto name : {Key::Name::End, Key::Name::PageUp, Key::Name::PageDown})
    view.press({name});
  EXPECT_EQ(text_of(view).front(), "waiting for the observer");
}

}  // namespace
}  // namespace hb::test
