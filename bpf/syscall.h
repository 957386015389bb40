/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * syscall.h: system calls, seen at their exit.
 *
 * Hook: tp_btf/sys_exit, since 5.5, on every kernel with BTF; the arguments are in the saved
 * registers, the result is at hand, and the objects a successful call made can be looked up. One
 * program for all calls, driven by a table from user space; what nobody wants ends in a bit test.
 *
 * It does not see what io_uring does, calls through i386's socketcall(2), and x32's own numbers.
 * Between a call's end and this hook another thread can replace a descriptor; the window is a few
 * hundred nanoseconds.
 */
#ifndef TOCSIN_SYSCALL_H
#define TOCSIN_SYSCALL_H

#include "socket.h"
#include "task.h"
#include "user.h"

#define SYSCALLS 512 /* numbers per ABI: the native ones, then as many 32-bit ones */
#define SOCKADDR_MAX 128 /* sizeof(struct sockaddr_storage) */
#define OPEN_HOW_SIZE 24
#define X32_BIT 0x40000000 /* __X32_SYSCALL_BIT; other architectures have no such numbers */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * SYSCALLS);
	__type(key, __u32);
	__type(value, struct syscall_spec);
} syscall_specs SEC(".maps");

/* A bit per row of syscall_specs: whether it is wanted now. */
volatile __u64 wanted[2 * SYSCALLS / 64];

/* Our own process, whose calls would only report the reporting; 0 when its number is not known. */
const volatile __u32 self_tgid;

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h: int 0x80 or a 32-bit sysenter */
#define THREAD_IS_COMPAT(thread_info) ((thread_info)->status & TS_COMPAT)

static __always_inline __u32 syscall_number(struct pt_regs *regs)
{
	return (__u32)regs->orig_ax & ~X32_BIT;
}

static __always_inline void copy_args(__u64 *args, struct pt_regs *regs, bool compat)
{
	if (compat) {
		args[0] = (__u32)regs->bx;
		args[1] = (__u32)regs->cx;
		args[2] = (__u32)regs->dx;
		args[3] = (__u32)regs->si;
		args[4] = (__u32)regs->di;
		args[5] = (__u32)regs->bp;
		return;
	}
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h: an AArch32 task */
#define THREAD_IS_COMPAT(thread_info) ((thread_info)->flags >> TIF_32BIT & 1)

static __always_inline __u32 syscall_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline void copy_args(__u64 *args, struct pt_regs *regs, bool compat)
{
	args[0] = regs->orig_x0; /* regs[0] is the result by now */
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}
#endif

/* in_compat says whether the current system call is a 32-bit one. */
static __always_inline bool in_compat(void)
{
	struct task_struct *task;
	struct thread_info info = {};

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		return THREAD_IS_COMPAT(&task->thread_info);
	}
	task = (void *)bpf_get_current_task();
#if defined(__TARGET_ARCH_x86)
	info.status = BPF_CORE_READ(task, thread_info.status);
#else
	info.flags = BPF_CORE_READ(task, thread_info.flags);
#endif
	return THREAD_IS_COMPAT(&info);
}

static __always_inline bool is_wanted(__u64 row)
{
	barrier_var(row); /* or the compiler drops the modulo that the verifier wants to see */
	return wanted[row / 64 % (2 * SYSCALLS / 64)] >> row % 64 & 1;
}

/* argument returns args[i], or 0 for SPEC_NO_ARG. */
static __always_inline __u64 argument(struct syscall_event *event, __u8 i)
{
	return i < 6 ? event->args[i] : 0;
}

static __always_inline void put_paths(struct syscall_event *event, struct syscall_spec *spec)
{
	for (int i = 0; i < 2; i++) {
		__u8 dirfd = spec->dirfd[i];

		if (spec->path[i] == SPEC_NO_ARG)
			continue;
		put_user_path(argument(event, spec->path[i]), dirfd == SPEC_NO_ARG ? AT_FDCWD : (int)argument(event, dirfd),
			      spec->path[i]);
	}
}

/* put_objects adds the kernel's own view of what the call worked on. */
static __always_inline void put_objects(struct syscall_event *event, struct syscall_spec *spec)
{
	__s64 ret = event->ret;

	if (spec->flags & SPEC_FD_RESULT && ret >= 0)
		put_file(ret);
	if (spec->flags & SPEC_FD && spec->fd != SPEC_NO_ARG)
		put_file(argument(event, spec->fd));
	/* A refused connection leaves an unconnected socket: only its user address says where to. */
	if (spec->flags & SPEC_SOCK && (ret >= 0 || ret == -EINPROGRESS))
		put_socket(argument(event, spec->fd));
}

static __always_inline void put_memory(struct scratch *s, struct syscall_event *event, struct syscall_spec *spec)
{
	if (spec->string != SPEC_NO_ARG)
		put_string(s, argument(event, spec->string), spec->string);
	if (spec->flags & SPEC_SOCKADDR)
		put_user_data(s, CHUNK_SOCKADDR, spec->sockaddr, argument(event, spec->sockaddr),
			      (__u32)argument(event, spec->sockaddr + 1), SOCKADDR_MAX);
	if (spec->flags & SPEC_OPEN_HOW)
		put_user_data(s, CHUNK_DATA, 2, argument(event, 2), argument(event, 3), OPEN_HOW_SIZE);
}

SEC("tp_btf/sys_exit")
int sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	__s64 ret = ctx[1];
	__u64 number = syscall_number(regs);
	__u32 row = number;
	struct syscall_event *event;
	struct syscall_spec *spec;
	struct scratch *s;
	bool compat;

	/* Most calls end here: no ABI wants the number. Asking the task comes after. */
	if (number >= SYSCALLS || !(is_wanted(number) || is_wanted(number + SYSCALLS)))
		return 0;
	compat = in_compat();
	if (compat)
		row += SYSCALLS;
	if (!is_wanted(row) || bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return 0;
	spec = bpf_map_lookup_elem(&syscall_specs, &row);
	if (!spec || !(spec->flags & SPEC_ENABLED) || spec->flags & (ret < 0 ? SPEC_ONLY_SUCCESS : SPEC_ONLY_FAILURE))
		return 0;
	s = begin(sizeof(*event));
	if (!s)
		return 0;
	event = (struct syscall_event *)s->data;
	fill_header(&event->header, (void *)bpf_get_current_task(), spec->type);
	if (compat)
		event->header.flags |= EVENT_COMPAT;
	event->ret = ret;
	copy_args(event->args, regs, compat);
	put_paths(event, spec);
	put_memory(s, event, spec);
	put_objects(event, spec);
	send(s);
	return 0;
}

#endif
