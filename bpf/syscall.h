/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * syscall.h: system calls, seen at their exit.
 *
 * Hook: tp_btf/sys_exit, since 5.5, on every kernel with BTF; the arguments are in the saved
 * registers, the result is at hand, and the objects a successful call made can be looked up. One
 * program for all calls, driven by a table from user space; what nobody wants ends in a bit test.
 *
 * It does not see what io_uring does, nor x32's own numbers.
 * Between a call's end and this hook another thread can replace a descriptor; the window is a few
 * hundred nanoseconds.
 */
#ifndef TOCSIN_SYSCALL_H
#define TOCSIN_SYSCALL_H

#include "connect.h"
#include "passed.h"
#include "socket.h"
#include "task.h"
#include "user.h"

#define SYSCALLS 512 /* numbers per ABI: the native ones, then as many 32-bit ones */
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

static __always_inline __u64 second_argument(struct pt_regs *regs, bool compat)
{
	return compat ? regs->cx : regs->si;
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

static __always_inline __u64 second_argument(struct pt_regs *regs, bool compat)
{
	return regs->regs[1];
}
#endif

#if defined(__TARGET_ARCH_x86)
#define SOCKETCALL 102 /* i386's one call for all that sockets do */

/* direct_call returns the i386 number of the call that socketcall's first argument stands for
 * (include/uapi/linux/net.h), or SOCKETCALL. There is no accept: accept4 without flags is the same. */
static __always_inline __u32 direct_call(__u32 call)
{
	switch (call) {
	case 1: return 359; /* SYS_SOCKET */
	case 2: return 361; /* SYS_BIND */
	case 3: return 362; /* SYS_CONNECT */
	case 4: return 363; /* SYS_LISTEN */
	case 5: case 18: return 364; /* SYS_ACCEPT, SYS_ACCEPT4 */
	case 8: return 360; /* SYS_SOCKETPAIR */
	case 9: case 11: return 369; /* SYS_SEND, SYS_SENDTO */
	case 10: case 12: return 371; /* SYS_RECV, SYS_RECVFROM */
	case 13: return 373; /* SYS_SHUTDOWN */
	case 16: return 370; /* SYS_SENDMSG */
	case 17: return 372; /* SYS_RECVMSG */
	case 19: return 337; /* SYS_RECVMMSG */
	case 20: return 345; /* SYS_SENDMMSG */
	default: return SOCKETCALL;
	}
}

/* copy_socketcall_args reads what socketcall's second argument points at: 32-bit words. What the call
 * does not have stays 0. */
static __always_inline void copy_socketcall_args(__u64 *args, struct pt_regs *regs)
{
	__u32 call = regs->bx, words[6] = {};
	bool four = call == 9 || call == 10;

	/* Not all callers have six words there; four is what the longest but two of them have. */
	if (bpf_probe_read_user(words, sizeof(words), (void *)(unsigned long)(__u32)regs->cx) &&
	    bpf_probe_read_user(words, 4 * sizeof(words[0]), (void *)(unsigned long)(__u32)regs->cx))
		bpf_probe_read_user(words, 2 * sizeof(words[0]), (void *)(unsigned long)(__u32)regs->cx);
	for (int i = 0; i < 6; i++)
		args[i] = words[i];
	if (four)
		args[4] = args[5] = 0;
	if (call == 5)
		args[3] = 0;
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

/* duplicates says whether a command of fcntl makes a descriptor: F_DUPFD, F_DUPFD_CLOEXEC (include/uapi/linux/fcntl.h). */
static __always_inline bool duplicates(__u32 command)
{
	return command == 0 || command == 1024 + 6;
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

/* Commands of bpf(2) whose result is a descriptor (include/uapi/linux/bpf.h): MAP_CREATE, PROG_LOAD,
 * OBJ_GET, {PROG,MAP,BTF,LINK}_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD, LINK_CREATE, ENABLE_STATS,
 * ITER_CREATE, TOKEN_CREATE. */
#define BPF_OPENS \
	(1ull << 0 | 1ull << 5 | 1ull << 7 | 1ull << 13 | 1ull << 14 | 1ull << 17 | 1ull << 18 | 1ull << 19 | 1ull << 28 | \
	 1ull << 30 | 1ull << 32 | 1ull << 33 | 1ull << 36)

static __always_inline bool opens(struct syscall_event *event, struct syscall_spec *spec)
{
	if (spec->flags & SPEC_BPF)
		return event->args[0] < 64 && BPF_OPENS >> event->args[0] & 1;
	return spec->flags & SPEC_FD_RESULT;
}

/* put_objects adds the kernel's own view of what the call worked on. */
static __always_inline void put_objects(struct syscall_event *event, struct syscall_spec *spec)
{
	__s64 ret = event->ret;

	if (opens(event, spec) && ret >= 0)
		put_file(ret, CHUNK_OF_RESULT);
	if (spec->flags & SPEC_SOCK_RESULT && ret >= 0)
		put_socket(ret, CHUNK_OF_RESULT);
	if (spec->flags & SPEC_FD && spec->fd != SPEC_NO_ARG)
		put_file(argument(event, spec->fd), spec->fd);
	/* A refused connection leaves an unconnected socket: only its user address says where to. */
	if (spec->flags & SPEC_SOCK && (ret >= 0 || ret == -EINPROGRESS))
		put_socket(argument(event, spec->fd), spec->fd);
}

/* put_task adds what the call changed of its caller. */
static __always_inline void put_task(struct scratch *s, struct syscall_event *event, struct syscall_spec *spec)
{
	if (event->ret < 0)
		return;
	if (spec->flags & SPEC_CRED)
		put_cred();
	if (spec->flags & SPEC_COMM)
		put_comm(s);
	if (spec->flags & SPEC_CWD)
		put_cwd(s, CHUNK_CWD, 0);
	if (spec->flags & SPEC_ROOT)
		put_root(s);
}

/* put_address adds the sockaddr a call was given or gave back. */
static __always_inline void put_address(struct syscall_event *event, struct syscall_spec *spec)
{
	__u64 len = argument(event, spec->sockaddr + 1);
	__u32 given = 0;

	if (spec->flags & SPEC_ADDRLEN) {
		if (!len || bpf_probe_read_user(&given, sizeof(given), (void *)len))
			return;
		len = given;
	}
	put_user_data(argument(event, spec->sockaddr), (__u32)len, SOCKADDR_MAX, CHUNK_SOCKADDR, spec->sockaddr);
}

static __always_inline void put_buffer(struct syscall_event *event, struct syscall_spec *spec)
{
	__u64 len = argument(event, spec->data + 1);

	/* Of a transfer, what was transferred: the rest of a receiver's buffer is old. */
	if (spec->flags & SPEC_SOCK && event->ret >= 0 && len > (__u64)event->ret)
		len = event->ret;
	put_user_data(argument(event, spec->data), len, DATA_MAX, CHUNK_DATA, spec->data);
}

/* put_messages adds the message, or the first of several. */
static __always_inline void put_messages(struct scratch *s, struct syscall_event *event, struct syscall_spec *spec, bool compat)
{
	__u64 address = argument(event, spec->sockaddr);
	__s64 moved = event->ret;

	if (spec->flags & SPEC_MANY && moved > 0)
		moved = put_moved(s, address, compat);
	put_message(address, moved, compat, spec->sockaddr);
}

static __always_inline void put_pair(struct syscall_event *event, struct syscall_spec *spec)
{
	__u64 address = argument(event, spec->data);
	int fds[2];

	put_user_data(address, sizeof(fds), DATA_MAX, CHUNK_DATA, spec->data);
	if (event->ret < 0 || bpf_probe_read_user(fds, sizeof(fds), (void *)address))
		return;
	if (spec->flags & SPEC_FD) { /* of a pipe, one end tells all */
		put_file(fds[0], spec->data);
		return;
	}
	put_socket(fds[0], spec->data);
	put_socket(fds[1], spec->data);
}

static __always_inline void put_memory(struct scratch *s, struct syscall_event *event, struct syscall_spec *spec, bool compat)
{
	if (spec->string != SPEC_NO_ARG)
		put_string(s, argument(event, spec->string), spec->string);
	if (spec->flags & SPEC_SOCKADDR)
		put_address(event, spec);
	if (spec->flags & SPEC_MSGHDR)
		put_messages(s, event, spec, compat);
	if (spec->flags & SPEC_OPEN_HOW)
		put_user_data(argument(event, 2), argument(event, 3), OPEN_HOW_SIZE, CHUNK_DATA, 2);
	if (spec->flags & SPEC_DATA)
		put_buffer(event, spec);
	if (spec->flags & SPEC_PAIR)
		put_pair(event, spec);
	if (spec->flags & SPEC_ARGV) {
		put_user_strings(argument(event, spec->path[0] + 1), compat, CHUNK_ARGV);
		put_user_strings(argument(event, spec->path[0] + 2), compat, CHUNK_ENV);
	}
}

/* count_call counts a connect. */
static __always_inline void count_call(struct pt_regs *regs, int ret, bool compat, __u64 number)
{
	struct scratch *s = current_scratch();
	__u64 args[6] = {};

	if (!s)
		return;
	copy_args(args, regs, compat);
#if defined(__TARGET_ARCH_x86)
	if (compat && number == SOCKETCALL)
		copy_socketcall_args(args, regs);
#endif
	count_connect((__u64)file_of(s, args[0]), ret);
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
#if defined(__TARGET_ARCH_x86)
	if (compat && number == SOCKETCALL)
		row = SYSCALLS + direct_call(regs->bx);
#endif
	if (!is_wanted(row) || bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return 0;
	spec = bpf_map_lookup_elem(&syscall_specs, &row);
	if (!spec || !(spec->flags & SPEC_ENABLED) || spec->flags & (ret < 0 ? SPEC_ONLY_SUCCESS : SPEC_ONLY_FAILURE))
		return 0;
	if (spec->flags & SPEC_DUPFD && !duplicates(second_argument(regs, compat)))
		return 0;
	if (counted_event && spec->type == counted_event) {
		count_call(regs, ret, compat, number);
		if (connects_only)
			return 0;
	}
	if (shed(spec->type))
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
#if defined(__TARGET_ARCH_x86)
	if (compat && number == SOCKETCALL)
		copy_socketcall_args(event->args, regs);
#endif
	put_paths(event, spec);
	put_memory(s, event, spec, compat);
	put_objects(event, spec);
	if (spec->flags & SPEC_PASSED)
		put_all_passed(argument(event, spec->sockaddr), spec->flags & SPEC_MANY ? ret : 1, compat);
	put_task(s, event, spec);
	send(s);
	return 0;
}

#endif
