/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kernel.h: the kernel's types as far as we read them, and nothing else.
 *
 * Offsets here mean nothing: every struct is relocated by name against the running kernel's BTF
 * (preserve_access_index). A name with three underscores is a flavor: the same kernel struct in
 * another version, chosen with bpf_core_field_exists where the two differ.
 */
#ifndef TOCSIN_KERNEL_H
#define TOCSIN_KERNEL_H

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;

#define NULL ((void *)0)
#define true 1
#define false 0

/* The map types we use (include/uapi/linux/bpf.h). */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

/* Of bpf_map_update_elem, and flags of bpf_ringbuf_output (include/uapi/linux/bpf.h). */
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_NO_WAKEUP = 1 << 0,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
	BPF_RB_AVAIL_DATA = 0, /* of bpf_ringbuf_query */
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define EFAULT 14
#define EINPROGRESS 115
#define AT_FDCWD (-100)
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IWGRP 00020
#define S_IWOTH 00002
#define FMODE_CREATED 0x100000 /* include/linux/fs.h */
#define SB_RDONLY 1            /* include/linux/fs.h */
#define S_IMMUTABLE 8          /* include/linux/fs.h */
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define SIGNAL_GROUP_EXIT 0x4 /* include/linux/sched/signal.h */

/* Indices into signal_struct.pids (include/linux/pid_types.h). */
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

/* Two __u32 before 6.3, one __u64 since: the same eight bytes on a little-endian machine. */
typedef struct {
	__u64 val;
} kernel_cap_t;

typedef struct {
	int counter;
} atomic_t;

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax;
};

struct thread_info {
	__u32 status;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};

struct thread_info {
	unsigned long flags;
};
#endif

/* Files, dentries and mounts. */

struct qstr {
	__u32 len;
	const unsigned char *name;
};

/* Any kernel struct that is one pointer: how a slot of an array of pointers is read by READ. */
struct hlist_head {
	struct hlist_node *first;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct inode;
struct super_block;

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
};

/* Times moved twice: timespec64 members until 6.5 (ctime) and 6.6 (mtime), with leading underscores
 * until 6.10, split into seconds and nanoseconds since. */
struct inode {
	__u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__s64 i_mtime_sec;
	__s64 i_ctime_sec;
	__u32 i_mtime_nsec;
	__u32 i_ctime_nsec;
};

struct inode___underscored {
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

struct inode___plain {
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mnt_namespace;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	__u32 f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

/* Sockets. */

struct in6_addr {
	__u8 s6_addr[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
};

struct sockaddr_un;

struct unix_address {
	int len; /* of name, its family included */
	struct sockaddr_un *name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct socket {
	short type;
	struct sock *sk;
};

/* Namespaces and control groups. */

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct task_struct;

struct pid_namespace {
	struct task_struct *child_reaper;
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct kernfs_node {
	struct kernfs_node *__parent; /* since 6.15 */
	const char *name;
	__u64 id;
};

struct kernfs_node___old {
	struct kernfs_node *parent; /* until 6.14 */
};

struct cgroup_root;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

/* The numbers depend on the kernel's configuration; those here are placeholders to relocate. */
enum cgroup_subsys_id {
	cpuset_cgrp_id = 0,
	memory_cgrp_id = 4,
	pids_cgrp_id = 11,
};

/* Tasks. */

struct group_info {
	int ngroups;
	kgid_t gid[0];
};

struct user_namespace {
	int level;
};

struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	struct pid *pids[4];
	struct tty_struct *tty;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	kuid_t loginuid;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	struct signal_struct *signal;
};

struct linux_binprm {
	const char *filename;
};

#pragma clang attribute pop

/*
 * READ(object, a, b): object->a->b, following pointers. A load costs a nanosecond or two where the verifier
 * knows the type, which bpf_rdonly_cast (6.2) tells it; elsewhere every arrow is a call of
 * bpf_probe_read_kernel, fifteen times that. Either way an address that cannot be read gives 0.
 */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define READ(object, ...)                                                                                    \
	((typeof(BPF_CORE_READ(object, __VA_ARGS__)))(                                                       \
		bpf_rdonly_cast ? ___arrow(((typeof(object))bpf_rdonly_cast(object, bpf_core_type_id_kernel(*(object)))), __VA_ARGS__) : \
				  BPF_CORE_READ(object, __VA_ARGS__)))

/* Its value is in BTF since 5.11, when the helper came. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
};

#endif
