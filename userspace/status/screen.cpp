#include "status/screen.hpp"

#define NCURSES_NOMACROS
#include <curses.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "status/terminal_type.hpp"

namespace hb::status {
namespace {

constexpr short kGood = 1;  // pairs of colours
constexpr short kWarning = 2;
constexpr short kBad = 3;

constexpr int kEscapeWait_ms = 25;  // until an Escape is no longer the beginning of a longer key
constexpr int kEscape = 27;
constexpr int kDelete = 127;

Result<Fd> take_resizes() {
  sigset_t resizes;
  ::sigemptyset(&resizes);
  ::sigaddset(&resizes, SIGWINCH);
  const int refused = ::pthread_sigmask(SIG_BLOCK, &resizes, nullptr);
  if (refused != 0) return os_error(refused, "cannot block SIGWINCH");
  Fd fd(::signalfd(-1, &resizes, SFD_NONBLOCK | SFD_CLOEXEC));
  const int code = errno;
  if (!fd) return os_error(code, "cannot wait for SIGWINCH");
  return fd;
}

bool is_colour_refused() {
  const char* refused = std::getenv("NO_COLOR");
  return refused != nullptr && *refused != '\0';
}

// Whether there are colours now.
bool begin_colours() {
  if (is_colour_refused() || !::has_colors() || ::start_color() == ERR) return false;
  // The terminal's own background, where it can.
  const short background = ::use_default_colors() == OK ? short{-1} : short{COLOR_BLACK};
  ::init_pair(kGood, COLOR_GREEN, background);
  ::init_pair(kWarning, COLOR_YELLOW, background);
  ::init_pair(kBad, COLOR_RED, background);
  return true;
}

chtype attributes_of(Look look, bool has_colours) {
  const auto coloured = [has_colours](short pair, chtype otherwise) -> chtype {
    return has_colours ? static_cast<chtype>(COLOR_PAIR(pair)) : otherwise;
  };
  switch (look) {
    case Look::Plain: return A_NORMAL;
    case Look::Bold: return A_BOLD;
    case Look::Dim: return A_DIM;
    case Look::Heading: return A_REVERSE;
    case Look::Good: return coloured(kGood, A_NORMAL);
    case Look::Warning: return coloured(kWarning, A_BOLD) | A_BOLD;
    case Look::Bad: return coloured(kBad, A_STANDOUT) | A_BOLD;
  }
  return A_NORMAL;
}

std::optional<Key> key_of(int code) {
  switch (code) {
    case KEY_UP: return Key{Key::Name::Up};
    case KEY_DOWN: return Key{Key::Name::Down};
    case KEY_PPAGE: return Key{Key::Name::PageUp};
    case KEY_NPAGE: return Key{Key::Name::PageDown};
    case KEY_HOME: return Key{Key::Name::Home};
    case KEY_END: return Key{Key::Name::End};
    case KEY_ENTER:
    case '\n':
    case '\r': return Key{Key::Name::Enter};
    case KEY_BACKSPACE:
    case '\b':
    case kDelete: return Key{Key::Name::Backspace};
    case kEscape: return Key{Key::Name::Escape};
    default: break;
  }
  if (code >= ' ' && code <= '~') return Key{Key::Name::Character, static_cast<char>(code)};
  return std::nullopt;
}

class CursesScreen final : public Screen {
 public:
  CursesScreen(SCREEN* screen, Fd resizes)
      : resizes_(std::move(resizes)), screen_(screen), has_colours_(begin_colours()) {
    ::cbreak();
    ::noecho();
    ::nonl();
    ::curs_set(0);
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    ::set_escdelay(kEscapeWait_ms);
  }
  CursesScreen(const CursesScreen&) = delete;
  CursesScreen& operator=(const CursesScreen&) = delete;
  ~CursesScreen() override {
    ::endwin();
    ::delscreen(screen_);
  }

  void draw(const std::vector<ScreenLine>& lines) override {
    ::erase();
    int row = 0;
    for (const ScreenLine& line : lines) {
      ::move(row++, 0);
      for (const Span& span : line) {
        ::attrset(static_cast<int>(attributes_of(span.look, has_colours_)));
        ::addnstr(span.text.c_str(), static_cast<int>(span.text.size()));
      }
    }
    ::attrset(A_NORMAL);
    ::refresh();
  }

  std::optional<Key> next_key() override {
    for (;;) {
      const int code = ::getch();
      if (code == ERR) return std::nullopt;
      if (const auto key = key_of(code)) return key;
    }
  }

  [[nodiscard]] Size size() const override {
    return {static_cast<std::size_t>(::getmaxy(stdscr)),
            static_cast<std::size_t>(::getmaxx(stdscr))};
  }

  [[nodiscard]] int resizes_fd() const override { return resizes_.get(); }

  void take_resize() override {
    signalfd_siginfo info{};
    while (::read(resizes_.get(), &info, sizeof(info)) > 0) {
    }
    winsize terminal{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal) != 0) return;
    if (terminal.ws_row > 0 && terminal.ws_col > 0) ::resizeterm(terminal.ws_row, terminal.ws_col);
  }

 private:
  const Fd resizes_;
  SCREEN* const screen_;
  const bool has_colours_;
};

}  // namespace

Result<std::unique_ptr<Screen>> Screen::open() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    return Error{"standard input and output are no terminal: use `hb-ebpf status`"};
  }
  const char* type = std::getenv("TERM");
  if (type == nullptr || *type == '\0') {
    return Error{
        "TERM is not set, so nothing is known of this terminal: set it (TERM=xterm), or "
        "use `hb-ebpf status`"};
  }
  const Error unknown{std::string("this system does not know the terminal TERM=") + type +
                      ": set another one (TERM=xterm; more are in the package ncurses-term), or "
                      "use `hb-ebpf status`"};
  if (!is_terminal_type_known()) return unknown;
  auto resizes = take_resizes();
  if (!resizes) return resizes.error();
  // newterm(3) and not initscr(3), which ends the process when it fails.
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) return unknown;
  return std::unique_ptr<Screen>(
      std::make_unique<CursesScreen>(screen, std::move(resizes).value()));
}

}  // namespace hb::status
