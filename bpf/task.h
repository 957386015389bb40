/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task.h: who a task is: the header of every record, and task_info.
 */
#ifndef TOCSIN_TASK_H
#define TOCSIN_TASK_H

#include "path.h"

/* fill_header describes the thread that an event is about. */
static __always_inline void fill_header(struct event_header *header, struct task_struct *task, __u16 type)
{
	header->time = bpf_ktime_get_boot_ns();
	header->start = READ(task, group_leader, start_boottime);
	header->pid = READ(task, tgid);
	header->tid = READ(task, pid);
	header->uid = READ(task, cred, euid.val);
	header->type = type;
	header->cpu = bpf_get_smp_processor_id();
}

/* innermost_nr returns pid's number in its innermost pid namespace. */
static __always_inline __u32 innermost_nr(struct pid *pid)
{
	unsigned int level = READ(pid, level);
	int nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), (void *)&pid->numbers[0].nr + level * bpf_core_type_size(struct upid));
	return nr;
}

/* pid_ns_of returns the namespace in which a task's pid was made. */
static __always_inline struct pid_namespace *pid_ns_of(struct task_struct *task)
{
	struct pid *pid = READ(task, thread_pid);
	unsigned int level = READ(pid, level);
	struct pid_namespace *ns = NULL;

	bpf_probe_read_kernel(&ns, sizeof(ns), (void *)&pid->numbers[0].ns + level * bpf_core_type_size(struct upid));
	return ns;
}

/* tty_of encodes the controlling terminal's device as stat(2) and /proc/PID/stat do. */
static __always_inline __u32 tty_of(struct signal_struct *signal)
{
	struct tty_struct *tty = READ(signal, tty);
	__u32 major, minor;

	if (!tty)
		return 0;
	major = READ(tty, driver, major);
	minor = READ(tty, driver, minor_start) + READ(tty, index);
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static __always_inline __u64 nanoseconds(struct timespec64 *time)
{
	return time->tv_sec * 1000000000ull + time->tv_nsec;
}

#define CTIME_QUERIED (1u << 31) /* since 6.13 a flag in i_ctime_nsec: I_CTIME_QUERIED of include/linux/fs.h */

static __always_inline void fill_times(struct task_info *info, struct inode *inode)
{
	struct inode___underscored *middle = (void *)inode;
	struct inode___plain *old = (void *)inode;
	struct timespec64 time = {};

	if (bpf_core_field_exists(inode->i_mtime_sec)) {
		info->exe_mtime = READ(inode, i_mtime_sec) * 1000000000ull + READ(inode, i_mtime_nsec);
		info->exe_ctime = READ(inode, i_ctime_sec) * 1000000000ull +
				  (READ(inode, i_ctime_nsec) & ~CTIME_QUERIED);
		return;
	}
	if (bpf_core_field_exists(middle->__i_mtime))
		bpf_core_read(&time, sizeof(time), &middle->__i_mtime);
	else
		bpf_core_read(&time, sizeof(time), &old->i_mtime);
	info->exe_mtime = nanoseconds(&time);
	if (bpf_core_field_exists(middle->__i_ctime))
		bpf_core_read(&time, sizeof(time), &middle->__i_ctime);
	else
		bpf_core_read(&time, sizeof(time), &old->i_ctime);
	info->exe_ctime = nanoseconds(&time);
}

#define GROUPS 32 /* supplementary groups that are looked at */

/* in_group says whether a credential's groups have gid: in_group_p() of kernel/groups.c. */
static __always_inline bool in_group(const struct cred *cred, __u32 gid)
{
	struct group_info *groups = READ(cred, group_info);
	int count = READ(groups, ngroups);
	kgid_t group;

	if (READ(cred, fsgid.val) == gid)
		return true;
	for (int i = 0; i < GROUPS && i < count; i++) {
		if (bpf_probe_read_kernel(&group, sizeof(group), (void *)groups + bpf_core_field_offset(struct group_info, gid) + i * sizeof(group)))
			return false;
		if (group.val == gid)
			return true;
	}
	return false;
}

/* may_write says whether the credential could write the inode: as its owner, who can give himself the
 * right, by its mode or by a capability. Capabilities of another user namespace than the initial one
 * are not counted, nor are access control lists. */
static __always_inline bool may_write(struct inode *inode, const struct cred *cred)
{
	__u16 mode = READ(inode, i_mode);
	__u64 caps = 0;

	if (READ(inode, i_sb, s_flags) & SB_RDONLY || READ(inode, i_flags) & S_IMMUTABLE)
		return false;
	if (mode & S_IWOTH || READ(inode, i_uid.val) == READ(cred, fsuid.val))
		return true;
	bpf_core_read(&caps, sizeof(caps), &cred->cap_effective);
	if (caps & (1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER) && !READ(cred, user_ns, level))
		return true;
	return mode & S_IWGRP && in_group(cred, READ(inode, i_gid.val));
}

/* is_memfd: memfd_create names its file memfd:NAME and gives it no parent directory. */
static __always_inline bool is_memfd(struct file *file)
{
	struct dentry *dentry = READ(file, f_path.dentry);
	const char prefix[] = "memfd:";
	char name[sizeof(prefix)] = {};

	if (READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), READ(dentry, d_name.name));
#pragma unroll
	for (unsigned int i = 0; i < sizeof(prefix) - 1; i++)
		if (name[i] != prefix[i])
			return false;
	return true;
}

static __always_inline void fill_exe(struct task_info *info, struct file *file, const struct cred *cred)
{
	struct inode *inode = READ(file, f_inode);
	__u32 layer = layer_of(inode);

	info->exe_ino = READ(inode, i_ino);
	info->exe_dev = READ(inode, i_sb, s_dev);
	fill_times(info, inode);
	if (may_write(inode, cred))
		info->exe_flags |= EXE_WRITABLE;
	if (!READ(inode, i_nlink))
		info->exe_flags |= EXE_DELETED;
	if (is_memfd(file))
		info->exe_flags |= EXE_MEMFD;
	if (layer & FILE_UPPER_LAYER)
		info->exe_flags |= EXE_UPPER_LAYER;
	if (layer & FILE_LOWER_LAYER)
		info->exe_flags |= EXE_LOWER_LAYER;
}

static __always_inline void fill_cred(struct task_info *info, const struct cred *cred)
{
	info->uid = READ(cred, uid.val);
	info->euid = READ(cred, euid.val);
	info->gid = READ(cred, egid.val);
	bpf_core_read(&info->cap_effective, sizeof(__u64), &cred->cap_effective);
	bpf_core_read(&info->cap_permitted, sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&info->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
}

/* put_cred adds CHUNK_CRED: the current task's credentials. */
__attribute__((noinline)) int put_cred(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const struct cred *cred = READ(task, cred);
	struct scratch *s = current_scratch();
	struct cred_info *info;

	if (!s || !open_chunk(s))
		return 0;
	info = room(s);
	if (!info)
		return 0;
	info->uid = READ(cred, uid.val);
	info->gid = READ(cred, gid.val);
	info->euid = READ(cred, euid.val);
	info->egid = READ(cred, egid.val);
	info->suid = READ(cred, suid.val);
	info->sgid = READ(cred, sgid.val);
	info->fsuid = READ(cred, fsuid.val);
	info->fsgid = READ(cred, fsgid.val);
	bpf_core_read(&info->cap_effective, sizeof(__u64), &cred->cap_effective);
	bpf_core_read(&info->cap_permitted, sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&info->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
	s->cursor += sizeof(*info);
	close_chunk(s, CHUNK_CRED, 0, 0);
	return 0;
}

/* put_comm adds CHUNK_COMM: the current task's name. */
static __always_inline void put_comm(struct scratch *s)
{
	void *to;

	if (!open_chunk(s))
		return;
	to = room(s);
	if (!to || bpf_get_current_comm(to, 16))
		return;
	s->cursor += 16;
	close_chunk(s, CHUNK_COMM, 0, 0);
}

static __always_inline void fill_ids(struct task_info *info, struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	struct pid *pgrp = READ(signal, pids[PIDTYPE_PGID]);

	info->ppid = READ(task, real_parent, tgid);
	info->pgid = READ(pgrp, numbers[0].nr);
	info->sid = READ(signal, pids[PIDTYPE_SID], numbers[0].nr);
	info->vpid = innermost_nr(READ(task, group_leader, thread_pid));
	info->vtid = innermost_nr(READ(task, thread_pid));
	info->vpgid = innermost_nr(pgrp);
	info->tty = tty_of(signal);
	info->loginuid = ~0u;
	if (bpf_core_field_exists(task->loginuid)) /* CONFIG_AUDITSYSCALL */
		info->loginuid = READ(task, loginuid.val);
}

/* fill_task describes task. The record's fixed part is zero before. */
static __attribute__((noinline)) void fill_task(struct task_info *info, struct task_struct *task)
{
	struct file *exe = READ(task, mm, exe_file);
	const struct cred *cred = READ(task, cred);
	struct pid_namespace *pid_ns = pid_ns_of(task);

	fill_ids(info, task);
	fill_cred(info, cred);
	if (exe) /* kernel threads have none */
		fill_exe(info, exe, cred);
	info->cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
	info->mnt_ns = READ(task, nsproxy, mnt_ns, ns.inum);
	info->pid_ns = READ(pid_ns, ns.inum);
	info->pid_ns_start = READ(pid_ns, child_reaper, start_boottime);
	bpf_core_read(info->comm, sizeof(info->comm), &task->comm);
}

#endif
