// Paths of cgroups as they are found on hosts, and what systemd, runtimes of containers and the
// kubelet mean by them.
#include "recovery/unit_name.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace hb {

void PrintTo(const CgroupNames& names, std::ostream* out) {
  *out << "unit " << names.unit.value_or("-") << ", user unit " << names.user_unit.value_or("-")
       << ", container " << names.container_id.value_or("-") << ", pod "
       << names.pod_uid.value_or("-");
}

namespace test {
namespace {

using Name = std::optional<std::string>;

constexpr auto kNone = std::nullopt;
const std::string kId = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const std::string kOtherId = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const std::string kPod = "0b7632a2-a56e-4278-987a-22de18008dbe";
const std::string kPodInSlice = "0b7632a2_a56e_4278_987a_22de18008dbe";
const std::string kStaticPod = "8ec0f0e0d6a0c0d3b1cb2c9a1f2e3d4c";

struct Case {
  std::string path;
  Name unit;
  Name user_unit = kNone;
  Name restartable = kNone;
};

void expect_all(const std::vector<Case>& cases) {
  for (const auto& one : cases) {
    SCOPED_TRACE(one.path);
    const auto names = read_cgroup_names(one.path);
    EXPECT_EQ(names.unit, one.unit);
    EXPECT_EQ(names.user_unit, one.user_unit);
    EXPECT_EQ(restartable_unit(names), one.restartable);
  }
}

// One that the system's manager has, and a command may restart.
Case service(const std::string& path, const std::string& unit) { return {path, unit, kNone, unit}; }
Case nothing(const std::string& path) { return {path, kNone}; }

TEST(UnitName, OfARootIsNotKnown) {
  for (const char* root : {"", "/", "//"}) {
    EXPECT_EQ(read_cgroup_names(root), CgroupNames()) << root;
    EXPECT_EQ(restartable_unit(read_cgroup_names(root)), kNone) << root;
  }
}

TEST(UnitName, OfAService) {
  expect_all({
      service("/system.slice/nginx.service", "nginx.service"),
      service("system.slice/nginx.service", "nginx.service"),
      service("/system.slice/nginx.service/", "nginx.service"),
      service("//system.slice///nginx.service", "nginx.service"),
      service("/nginx.service", "nginx.service"),
      service("/system.slice/system-postgresql.slice/postgresql@15-main.service",
              "postgresql@15-main.service"),
      service("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
      service("/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service",
              "serial-getty@ttyS0.service"),
      service("/a.slice/a-b.slice/a-b-c.slice/x.service", "x.service"),
      service("/system.slice/dbus-:1.2-org.freedesktop.problems@0.service",
              "dbus-:1.2-org.freedesktop.problems@0.service"),
      service("/system.slice/a@b@c.service", "a@b@c.service"),
      service("/system.slice/user-runtime-dir@1000.service", "user-runtime-dir@1000.service"),
      service("/system.slice/dots.in.it.service", "dots.in.it.service"),
  });
}

TEST(UnitName, OfOtherTypes) {
  expect_all({
      service("/system.slice/ssh.socket", "ssh.socket"),
      service("/system.slice/srv-data.mount", "srv-data.mount"),
      service("/system.slice/dev-disk-by\\x2duuid-1.swap", "dev-disk-by\\x2duuid-1.swap"),
  });
}

// By Delegate= a service makes cgroups of its own, under whatever names.
TEST(UnitName, BelowAUnitIsThatUnit) {
  expect_all({
      service("/system.slice/foo.service/worker", "foo.service"),
      service("/system.slice/foo.service/init.scope", "foo.service"),
      service("/system.slice/foo.service/bar.service", "foo.service"),
      service("/system.slice/foo.service/bar.slice/baz.service", "foo.service"),
      service("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
              "systemd-nspawn@web.service"),
      {"/machine.slice/machine-web.scope/system.slice/nginx.service", "machine-web.scope"},
  });
}

TEST(UnitName, IsUnescaped) {
  expect_all({
      service("/system.slice/_cpu.service", "cpu.service"),
      service("/system.slice/__cpu.service", "_cpu.service"),
      service("/_memory.slice/x.service", "x.service"),
      service("/system.slice/_cgroup.service/a", "cgroup.service"),
      nothing("/system.slice/_"),
      nothing("/system.slice/_.service"),
  });
}

TEST(UnitName, OfAScopeCannotBeRestarted) {
  expect_all({
      {"/init.scope", "init.scope"},
      {"/user.slice/user-1000.slice/session-2.scope", "session-2.scope"},
      {"/user.slice/user-0.slice/session-c1.scope", "session-c1.scope"},
      {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/emulator",
       "machine-qemu\\x2d1\\x2dvm.scope"},
      {"/system.slice/run-r0123.scope", "run-r0123.scope"},
  });
  EXPECT_TRUE(is_scope("init.scope"));
  EXPECT_FALSE(is_scope("scope.service"));
}

TEST(UnitName, OfASliceAloneIsNone) {
  expect_all({
      nothing("/system.slice"),
      nothing("/user.slice/user-1000.slice"),
      nothing("/system.slice/a@b.slice"),  // slices have no instances
      nothing("/system.slice/a@b.slice/x.service"),
  });
}

// Never user@UID.service: that would end all that the user has.
TEST(UnitName, OfAUserManagerIsNeverRestarted) {
  const std::string manager = "/user.slice/user-1000.slice/user@1000.service";
  const Name unit = "user@1000.service";
  expect_all({
      {manager, unit},
      {manager + "/init.scope", unit, "init.scope"},
      {manager + "/app.slice/foo.service", unit, "foo.service"},
      {manager + "/app.slice/app-a.slice/a@b.service/x/y", unit, "a@b.service"},
      {manager + "/app.slice/_cpu.service", unit, "cpu.service"},
      {manager + "/foo.service", unit, "foo.service"},
      {manager + "/app.slice", unit},
      {manager + "/app.slice/app-gnome-org.gnome.Terminal-123.scope", unit,
       "app-gnome-org.gnome.Terminal-123.scope"},
      {manager + "/app.slice/user@1001.service/foo.service", unit, "user@1001.service"},
      {manager + "/no unit/foo.service", unit},
      {"/user.slice/user-0.slice/user@0.service/a.service", "user@0.service", "a.service"},
      {"/capsule.slice/capsule@web.service/app.slice/a.service", "capsule@web.service",
       "a.service"},
      {"/capsule.slice/capsule@a.b.service/app.slice/a.service", "capsule@a.b.service"},
  });
}

// What is no uid has no user units, and still is a manager for all that is known of it.
TEST(UnitName, OfAUserManagerGoesByItsUid) {
  for (const char* uid : {"root", "01", "+1", "-1", "4294967295", "65535", "4294967296", "1x"}) {
    const std::string name = std::string("user@") + uid + ".service";
    const auto names = read_cgroup_names("/user.slice/" + name + "/foo.service");
    EXPECT_EQ(names.unit, is_unit_name(name) ? Name(name) : kNone) << uid;
    EXPECT_EQ(names.user_unit, kNone) << uid;
    EXPECT_EQ(restartable_unit(names), kNone) << uid;
  }
  expect_all({{"/user.slice/_user@1000.service/foo.service", "user@1000.service"}});
  expect_all({{"/user@4294967294.service/a.service", "user@4294967294.service", "a.service"}});
}

// As under old versions of systemd.
TEST(UnitName, OfAUserBelowASession) {
  expect_all({
      {"/user.slice/user-1000.slice/session-2.scope/foo.service", "session-2.scope", "foo.service"},
      {"/session-2.scope/waldo.slice/foo@pie.service/pa/po", "session-2.scope", "foo@pie.service"},
      {"/session-3.scope/_cpu.service", "session-3.scope", "cpu.service"},
      {"/session-.scope/foo.service", "session-.scope"},
      {"/session-a-b.scope/foo.service", "session-a-b.scope"},
      {"/user.slice/session-2.scope/waldo/foo.service", "session-2.scope"},
      {"/other.scope/foo.service", "other.scope"},
  });
}

TEST(UnitName, OfWhatIsNoUnitIsNone) {
  expect_all({
      nothing("/system.slice/getty@.service"),  // a template never runs
      nothing("/system.slice/getty####@tty6.service/xxx"),
      nothing("/system.slice/@tty6.service"),
      nothing("/system.slice/.service"),
      nothing("/system.slice/a b.service"),
      nothing("/system.slice/a\nb.service"),
      nothing("/system.slice/t\xc3\xbcr.service"),
      nothing("/system.slice/a,b.service"),
      nothing("/system.slice/foo.snapshot"),
      nothing("/system.slice/foo.Service"),
      nothing("/system.slice/foo.service."),
      nothing("/system.slice/foo"),
      nothing("/user.slice/user-1000.slice/user@.service/server.service"),
      nothing("/lxc.payload.web/system.slice/nginx.service"),
      nothing("/docker/" + kId + "/system.slice/nginx.service"),
      nothing("/a/nginx.service"),
      nothing("/../nginx.service"),
      nothing(std::string("/a\0b.service", 12)),
  });
}

TEST(UnitName, HasAtMost255Bytes) {
  const std::string longest = std::string(255 - 8, 'a') + ".service";
  expect_all({service("/system.slice/" + longest, longest), nothing("/system.slice/a" + longest),
              // The escape is not part of the name; a slice that is too long is not skipped.
              service("/system.slice/_" + longest, longest),
              nothing("/" + std::string(250, 'a') + ".slice/x.service")});
  EXPECT_TRUE(is_unit_name(longest));
  EXPECT_FALSE(is_unit_name("a" + longest));
}

// --- Containers ---

struct Container {
  std::string path;
  Name id;
  Name pod = kNone;
};

void expect_containers(const std::vector<Container>& cases) {
  for (const auto& one : cases) {
    SCOPED_TRACE(one.path);
    const auto names = read_cgroup_names(one.path);
    EXPECT_EQ(names.container_id, one.id);
    EXPECT_EQ(names.pod_uid, one.pod);
  }
}

TEST(ContainerId, OfEachRuntime) {
  expect_containers({
      {"/system.slice/docker-" + kId + ".scope", kId},
      {"/system.slice/nerdctl-" + kId + ".scope", kId},
      {"/machine.slice/libpod-" + kId + ".scope/container", kId},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope", kId},
      {"/docker/" + kId, kId},
      {"/docker/" + kId + "/system.slice/nginx.service", kId},
      {"/libpod_parent/libpod-" + kId, kId},
      {"/" + kId, kId},
  });
}

TEST(ContainerId, IsNotWhatWatchesAContainer) {
  expect_containers({
      {"/machine.slice/libpod-conmon-" + kId + ".scope", kNone},
      {"/system.slice/crio-conmon-" + kId + ".scope", kNone},
  });
}

TEST(ContainerId, IsNotWhatOnlyLooksLikeOne) {
  expect_containers({
      {"/docker/" + kId + "0", kNone},
      {"/docker/" + kId.substr(1), kNone},
      {"/docker/" + kId.substr(1) + "g", kNone},
      {"/docker/" + kId.substr(1) + "A", kNone},
      {"/system.slice/docker-" + kId + ".service", kNone},
      {"/system.slice/docker.service", kNone},
      {"/system.slice/other-" + kId + ".scope", kNone},
      {"/system.slice/" + kId + ".scope", kNone},
  });
}

// Inside of a container, docker or a cluster of kind; what is in there is the container's own word.
TEST(ContainerId, IsTheOutermost) {
  expect_containers({
      {"/docker/" + kId + "/docker/" + kOtherId, kId},
      {"/system.slice/docker-" + kId + ".scope/kubelet.slice/kubelet-kubepods.slice/" +
           "kubelet-kubepods-pod" + kPodInSlice + ".slice/cri-containerd-" + kOtherId + ".scope",
       kId},
  });
}

TEST(PodUid, OfTheSystemdDriver) {
  const std::string pods = "/kubepods.slice/";
  const std::string burstable = pods + "kubepods-burstable.slice/kubepods-burstable-pod";
  const std::string best_effort = pods + "kubepods-besteffort.slice/kubepods-besteffort-pod";
  expect_containers({
      {burstable + kPodInSlice + ".slice/cri-containerd-" + kId + ".scope", kId, kPod},
      {best_effort + kPodInSlice + ".slice/crio-" + kId + ".scope/container", kId, kPod},
      {pods + "kubepods-pod" + kPodInSlice + ".slice/docker-" + kId + ".scope", kId, kPod},
      {burstable + kPodInSlice + ".slice", kNone, kPod},
      {burstable + kPodInSlice + ".slice/crio-conmon-" + kId + ".scope", kNone, kPod},
      {burstable + kStaticPod + ".slice/cri-containerd-" + kId + ".scope", kId, kStaticPod},
      {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/" +
           std::string("kubelet-kubepods-burstable-pod") + kPodInSlice + ".slice/cri-containerd-" +
           kId + ".scope",
       kId, kPod},
  });
}

TEST(PodUid, OfTheCgroupfsDriver) {
  expect_containers({
      {"/kubepods/burstable/pod" + kPod + "/" + kId, kId, kPod},
      {"/kubepods/besteffort/pod" + kPod + "/" + kId, kId, kPod},
      {"/kubepods/pod" + kPod + "/" + kId, kId, kPod},
      {"/kubepods/pod" + kPod + "/crio-" + kId, kId, kPod},
      {"/kubelet/kubepods/burstable/pod" + kStaticPod + "/" + kId, kId, kStaticPod},
  });
}

TEST(PodUid, IsNotWhatOnlyLooksLikeOne) {
  expect_containers({
      {"/pod" + kPod + "/" + kId, kId},
      {"/burstable/pod" + kPod, kNone},
      {"/kubepods/other/pod" + kPod, kNone},
      {"/kubepods/burstable/other/pod" + kPod, kNone},
      {"/kubepods/burstable/burstable/pod" + kPod, kNone},
      {"/kubepods/burstable/" + kPod, kNone},
      {"/kubepods/burstable/pod" + kPod + "0", kNone},
      {"/kubepods/burstable/pod0b7632a2+a56e+4278+987a+22de18008dbe", kNone},
      {"/kubepods.slice/kubepods-podcast.slice", kNone},
      {"/kubepods.slice/kubepods-other-pod" + kPodInSlice + ".slice", kNone},
      {"/mykubepods.slice/mykubepods-pod" + kPodInSlice + ".slice", kNone},
      {"/kubepods.slice/kubepods-pod" + kPodInSlice, kNone},
      {"/pod.slice/pod-pod" + kPodInSlice + ".slice", kNone},
  });
}

TEST(PodUid, HasAContainersScopeAsItsUnit) {
  expect_all(
      {{"/kubepods.slice/kubepods-pod" + kPodInSlice + ".slice/cri-containerd-" + kId + ".scope",
        "cri-containerd-" + kId + ".scope"},
       nothing("/kubepods/pod" + kPod + "/" + kId)});
}

}  // namespace
}  // namespace test
}  // namespace hb
