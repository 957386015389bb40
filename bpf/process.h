/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * process.h: processes come, change and go.
 *
 * Hooks: tp_btf/sched_process_fork, _exec and _exit, since 5.5. They report facts, not requests: a
 * successful exec with the image that runs (whichever call or thread asked for it), every kind of
 * clone, every death. They do not see failed calls; those are syscall.h's.
 */
#ifndef TOCSIN_PROCESS_H
#define TOCSIN_PROCESS_H

#include "cgroup.h"
#include "task.h"

#define REAPER_STEPS 32

/* put_image adds CHUNK_ARGV or CHUNK_ENV from the new image's memory, start to end. */
static __always_inline void put_image(struct scratch *s, __u16 kind, __u64 start, __u64 end)
{
	__u64 size = end - start;
	__u64 n = size < STRING_MAX ? size : STRING_MAX;
	__u8 flags = size > STRING_MAX ? CHUNK_TRUNCATED : 0;
	void *to;

	if (!start || start >= end || !open_chunk(s))
		return;
	to = room(s);
	if (!to)
		return;
	barrier_var(n);
	if (n > STRING_MAX)
		return;
	if (bpf_probe_read_user(to, n, (void *)start)) {
		lose(LOSS_READ_USER);
		flags = CHUNK_TRUNCATED;
		n = 0;
	}
	if (size > STRING_MAX)
		lose(LOSS_ARGS_TRUNCATED);
	s->cursor += n;
	close_chunk(s, kind, 0, flags);
}

/* put_filename adds what execve was given as the file's name. */
static __always_inline void put_filename(struct scratch *s, struct linux_binprm *bprm)
{
	void *to;
	long n;

	if (!open_chunk(s))
		return;
	to = room(s);
	if (!to)
		return;
	n = bpf_probe_read_kernel_str(to, STRING_MAX, READ(bprm, filename));
	if (n <= 0) {
		lose(LOSS_READ_KERNEL);
		return;
	}
	s->cursor += n - 1;
	close_chunk(s, CHUNK_FILENAME, 0, 0);
}

SEC("tp_btf/sched_process_exec")
int sched_process_exec(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];
	struct mm_struct *mm = READ(task, mm);
	struct scratch *s = begin(sizeof(struct task_event));
	struct task_event *event;
	struct file *exe;

	if (!s)
		return 0;
	event = (struct task_event *)s->data;
	fill_header(&event->header, task, EVENT_EXEC);
	fill_task(&event->task, task);
	put_filename(s, bprm);
	put_image(s, CHUNK_ARGV, READ(mm, arg_start), READ(mm, arg_end));
	put_image(s, CHUNK_ENV, READ(mm, env_start), READ(mm, env_end));
	exe = (void *)number_of(s, READ(mm, exe_file));
	if (exe)
		put_path(s, &exe->f_path, CHUNK_EXE, 0);
	put_cwd(s, CHUNK_CWD, 0);
	put_root(s);
	put_cgroups(task);
	send(s);
	return 0;
}

/* The child has not run yet; current is its creator. */
SEC("tp_btf/sched_process_fork")
int sched_process_fork(__u64 *ctx)
{
	struct task_struct *creator = (void *)ctx[0], *child = (void *)ctx[1];
	struct scratch *s = begin(sizeof(struct task_event));
	struct task_event *event;

	if (!s)
		return 0;
	event = (struct task_event *)s->data;
	fill_header(&event->header, child, EVENT_FORK);
	fill_task(&event->task, child);
	event->task.creator = READ(creator, tgid);
	event->task.creator_tid = READ(creator, pid);
	if (event->header.pid != event->header.tid)
		event->header.flags |= EVENT_THREAD;
	else if (READ(child, cgroups) != READ(creator, cgroups))
		put_cgroups(child); /* CLONE_INTO_CGROUP */
	send(s);
	return 0;
}

/* reaper_of returns the tgid of who becomes the parent of task's children: the nearest subreaper
 * among its ancestors, else the init of its pid namespace; 0 when that takes too long to find out. */
static __always_inline __u32 reaper_of(struct task_struct *task, struct signal_struct *signal)
{
	struct task_struct *init = READ(pid_ns_of(task), child_reaper);
	__u32 init_tgid = READ(init, tgid), tgid;
	struct task_struct *parent = task;

	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return init_tgid;
	for (int i = 0; i < REAPER_STEPS; i++) {
		parent = READ(parent, real_parent);
		tgid = READ(parent, tgid);
		if (tgid == init_tgid || tgid <= 1)
			return tgid;
		signal = READ(parent, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return tgid;
	}
	return 0;
}

/* Reported once no thread of the group is left. Two threads dying at the same instant can both see
 * that: a second exit_event of one process says the same as the first. */
SEC("tp_btf/sched_process_exit")
int sched_process_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct signal_struct *signal = READ(task, signal);
	struct exit_event *event;
	struct scratch *s;

	if (READ(signal, live.counter) > 0)
		return 0;
	s = begin(sizeof(*event));
	if (!s)
		return 0;
	event = (struct exit_event *)s->data;
	fill_header(&event->header, task, EVENT_EXIT);
	/* What the parent's wait(2) gets: the group's code after exit_group or a deadly signal, else the
	 * leader's own (kernel/exit.c, wait_task_zombie). */
	if (READ(signal, flags) & SIGNAL_GROUP_EXIT)
		event->code = READ(signal, group_exit_code);
	else
		event->code = READ(task, group_leader, exit_code);
	event->reaper = reaper_of(task, signal);
	send(s);
	return 0;
}

#endif
