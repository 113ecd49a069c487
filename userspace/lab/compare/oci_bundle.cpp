#include "lab/compare/oci_bundle.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lab/mount_point.hpp"
#include "procfs/self_exe.hpp"

namespace hb::compare {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The directories that dynamically linked programs and a shell need.
constexpr const char* kHostDirectories[] = {"bin", "etc", "lib", "lib32", "lib64", "sbin", "usr"};

constexpr const char* kProgram = "/hb-ebpf";
constexpr const char* kSocketDirectory = "/observer";

// An agent must not be pid 1, which is illegal in a frame, so a shell starts the agents and waits.
// Each beats at once, and then not again for an hour.
constexpr const char* kScript =
    "for socket; do \"$0\" beat --interval-ms 3600000 --socket \"$socket\" & done; wait";

Json bind_mount(const std::string& from, const std::string& to) {
  return Json{{"destination", to},
              {"type", "bind"},
              {"source", from},
              {"options", {"rbind", "ro", "nosuid"}}};
}

// Debian's /lib is a link into /usr, other hosts' is a directory.
void add_host_directory(const std::string& name, const fs::path& root, Json& mounts) {
  const fs::path host = fs::path("/") / name;
  if (fs::is_symlink(host)) {
    fs::copy_symlink(host, root / name);
  } else if (fs::is_directory(host)) {
    mounts.push_back(bind_mount(host.string(), host.string()));
  }
}

Json arguments(const Sockets& sockets) {
  Json words{"/bin/sh", "-c", kScript, kProgram};
  for (const auto& path : sockets) words.push_back(kSocketDirectory + path.substr(path.rfind('/')));
  return words;
}

Json namespaces() {
  Json all = Json::array();
  for (const char* type : {"pid", "mount", "ipc", "uts"}) all.push_back(Json{{"type", type}});
  return all;
}

Json config(const Json& mounts, const Sockets& sockets) {
  const Json process{{"terminal", false},
                     {"user", {{"uid", 0}, {"gid", 0}}},
                     {"args", arguments(sockets)},
                     {"env", Json::array({"PATH=/usr/local/bin:/usr/bin:/bin"})},
                     {"cwd", "/"},
                     {"noNewPrivileges", true}};
  return Json{
      {"ociVersion", "1.0.2"}, {"process", process}, {"root", {{"path", "rootfs"}}},
      {"hostname", "agent"},   {"mounts", mounts},   {"linux", {{"namespaces", namespaces()}}}};
}

void write_bundle(const std::string& directory, const std::string& program,
                  const Sockets& sockets) {
  const fs::path bundle = fs::path(directory) / "bundle";
  fs::remove_all(directory);
  fs::create_directories(bundle / "rootfs");
  Json mounts = Json::array();
  mounts.push_back(Json{{"destination", kProcfsMountPoint}, {"type", "proc"}, {"source", "proc"}});
  mounts.push_back(Json{{"destination", "/dev"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
  for (const char* name : kHostDirectories) add_host_directory(name, bundle / "rootfs", mounts);
  mounts.push_back(bind_mount(program, kProgram));
  mounts.push_back(bind_mount(fs::path(sockets.front()).parent_path().string(), kSocketDirectory));
  std::ofstream file(bundle / "config.json");
  file << config(mounts, sockets).dump(2) << '\n';
}

}  // namespace

Result<> make_bundle(const std::string& directory, const Sockets& sockets) {
  const auto program = beside_own_executable("hb-ebpf");
  if (!program) return program.error();
  try {
    write_bundle(directory, program.value(), sockets);
  } catch (const fs::filesystem_error& error) {
    return Error{std::string("cannot make a bundle: ") + error.what()};
  }
  return ok();
}

}  // namespace hb::compare
