#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace hb::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> chunk{};
  ssize_t length = 0;
  while ((length = ::read(fd, chunk.data(), chunk.size())) > 0) {
    all.append(chunk.data(), static_cast<std::size_t>(length));
  }
  return all;
}

bool readable_before(int fd, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd polled{fd, POLLIN, 0};
  return left.count() >= 0 && ::poll(&polled, 1, static_cast<int>(left.count())) > 0;
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string in_a_file(const std::string& text) {
  std::string name = "/tmp/hb-input-XXXXXX";
  const Fd file(::mkstemp(name.data()));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("write");
  }
  return name;
}

}  // namespace

Argv hb_ebpf(Argv arguments) {
  arguments.insert(arguments.begin(), HB_EBPF_BINARY);
  return arguments;
}

void renounce_bpf() {
  for (const int capability : {39 /* CAP_BPF */, 38 /* CAP_PERFMON */, 21 /* CAP_SYS_ADMIN */}) {
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

Process::Pipes Process::open_pipes() {
  Pipes pipes{};
  if (::pipe2(pipes.out, O_CLOEXEC) != 0 || ::pipe2(pipes.err, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2");
  }
  return pipes;
}

void Process::exec(const Argv& argv, Streams streams, const Pipes& pipes) {
  ::dup2(streams.in >= 0 ? streams.in : ::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(streams.out >= 0 ? streams.out : pipes.out[1], STDOUT_FILENO);
  ::dup2(pipes.err[1], STDERR_FILENO);
  std::vector<char*> pointers;
  for (const auto& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  ::_exit(127);
}

void Process::adopt(const Pipes& pipes) {
  if (pid_ < 0) throw std::runtime_error("fork");
  ::close(pipes.out[1]);
  ::close(pipes.err[1]);
  out_.reset(pipes.out[0]);
  err_.reset(pipes.err[0]);
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::optional<std::string> Process::next_line(std::chrono::milliseconds patience) {
  return next_line(out_, buffered_, patience);
}

std::optional<std::string> Process::next_error(std::chrono::milliseconds patience) {
  return next_line(err_, buffered_errors_, patience);
}

std::optional<std::string> Process::next_line(const Fd& from, std::string& buffered,
                                              std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto end = buffered.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered.substr(0, end);
      buffered.erase(0, end + 1);
      return line;
    }
    if (!from || !readable_before(from.get(), deadline)) return std::nullopt;
    const ssize_t length = ::read(from.get(), chunk.data(), chunk.size());
    if (length <= 0) return std::nullopt;
    buffered.append(chunk.data(), static_cast<std::size_t>(length));
  }
}

int Process::wait(std::chrono::milliseconds patience) {
  if (pid_ < 0) return -1;
  const auto deadline = Clock::now() + patience;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(std::exchange(pid_, -1), &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = -1;
  return exit_code(status);
}

std::string Process::rest_of_output() {
  return std::exchange(buffered_, {}) + (out_ ? read_all(out_.get()) : "");
}

std::string Process::errors() { return std::exchange(buffered_errors_, {}) + read_all(err_.get()); }

Outcome run_to_end(const Argv& arguments, const std::string& input) {
  const std::string name = in_a_file(input);
  const Fd in(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(name.c_str());
  Process process(hb_ebpf(arguments), {.in = in.get()});
  std::string out;
  while (const auto line = process.next_line()) out += *line + "\n";
  const int code = process.wait();
  return {code, out + process.rest_of_output(), process.errors()};
}

TemporaryDirectory::TemporaryDirectory() : path_("/tmp/hb-test-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hb::test
