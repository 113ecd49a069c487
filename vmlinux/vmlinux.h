/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* Made by scripts/vmlinux.sh from the BTF of Linux 6.18.44; not to be edited. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

typedef unsigned int __u32;

typedef long long unsigned int __u64;

typedef __u64 u64;

typedef int __kernel_pid_t;

typedef unsigned int __kernel_uid32_t;

typedef unsigned int __kernel_gid32_t;

typedef __kernel_pid_t pid_t;

typedef __kernel_uid32_t uid_t;

typedef __kernel_gid32_t gid_t;

typedef struct {
	int counter;
} atomic_t;

struct signal_struct;

struct css_set;

struct task_struct {
	unsigned int flags;
	int exit_code;
	pid_t tgid;
	struct task_struct *group_leader;
	u64 start_boottime;
	void *cred;
	char comm[16];
	struct signal_struct *signal;
	struct css_set *cgroups;
};

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

typedef void *__sighandler_t;

struct sigaction {
	__sighandler_t sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

typedef struct {
	uid_t val;
} kuid_t;

typedef struct {
	gid_t val;
} kgid_t;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[0];
};

struct cred {
	kuid_t uid;
	kgid_t gid;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
};

struct cgroup;

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct sock;

struct sk_buff {
	struct sock *sk;
	char cb[48];
	unsigned int data_len;
	void *data;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct kernfs_node;

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
};

struct kernfs_node {
	u64 id;
};


struct sock_common {
	union {
		long unsigned int skc_flags;
	};
};

struct sock {
	struct sock_common __sk_common;
};


struct unix_skb_parms {
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	void *fp;
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
