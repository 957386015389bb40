/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
//go:build ignore

/*
 * sensor.bpf.c: the kernel side of the sensor, one object so that its programs share their maps.
 *
 * Everything hangs on BTF tracepoints: no kprobe, fentry or LSM hook, which some kernels lack.
 * Minimum kernel 5.8 (ring buffer, CLOCK_BOOTTIME helper).
 *
 *	syscall.h   system calls at their exit
 *	process.h   fork, exec, exit
 *	connect.h   counts of TCP connects
 *	uring.h     what io_uring does instead of a system call: its beginning
 *	uring_end.h and its end
 */
#include "process.h"
#include "connect.h"
#include "syscall.h"
#include "uring.h"
#include "uring_end.h"

char license_text[] SEC("license") = "Dual BSD/GPL";

/* Nothing else would carry these types into BTF, and from there into Go. */
struct wire {
	enum event_kind event_kind;
	enum event_flag event_flag;
	enum exe_flag exe_flag;
	enum chunk_kind chunk_kind;
	enum chunk_flag chunk_flag;
	enum spec_flag spec_flag;
	enum file_flag file_flag;
	enum loss loss;
	enum shed shed;
	struct syscall_event syscall_event;
	struct task_event task_event;
	struct exit_event exit_event;
	struct chunk_header chunk_header;
	struct file_info file_info;
	struct sock_info sock_info;
	struct cred_info cred_info;
	struct connect_key connect_key;
} *wire __attribute__((unused));
