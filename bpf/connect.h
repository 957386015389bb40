/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect.h: counts of TCP connects by control group, and of their errors by cause.
 *
 * Counted here and not from events: a count costs two look-ups where an event costs a record and its
 * way through user space, and a full ring loses none. User space reads the map when it is asked, and
 * learns whose group one is from a record sent when the group is first met.
 *
 * Hooks: what connect(2) returned, in syscall.h and uring.h. A connect that goes on in the background
 * (EINPROGRESS, or a signal in between) ends in tp_btf/inet_sock_set_state (since 4.16), mostly in a
 * soft interrupt, where current is anybody: so its group is remembered by the address of its socket.
 * That hook sees every socket's changes, and most end in two comparisons.
 *
 * It does not see: TCP Fast Open (sendto connects), an io_uring request that skips its result, and a
 * connect under way that more than CONNECTING_MAX others pushed out.
 */
#ifndef TOCSIN_CONNECT_H
#define TOCSIN_CONNECT_H

#include "cgroup.h"
#include "task.h"

#define CONNECTS_MAX 8192
#define CONNECTING_MAX 16384
#define CONNECT_PENDING 1 /* connecting.result before there is one */

#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define EINTR 4
#define EISCONN 106
#define EALREADY 114
#define ERESTARTSYS 512       /* include/linux/errno.h: a signal came, connect will be called again, */
#define ERESTART_RESTARTBLOCK 516 /* one way or the other */

/* The event that connect is (pipeline.EventType); 0: nothing is counted. */
volatile __u32 counted_event;

/* Whether connects are counted only: no rule wants them as events. */
volatile __u32 connects_only;

/* User space puts a row for each error under group 0 beforehand: there goes what finds the map full. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONNECTS_MAX);
	__type(key, struct connect_key);
	__type(value, __u64);
} connects SEC(".maps");

/* A connect that connect(2) left under way, by its struct sock. */
struct connecting {
	struct connect_key key;
	__s32 result; /* CONNECT_PENDING, 0 or -errno */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTING_MAX);
	__type(key, __u64);
	__type(value, struct connecting);
} connecting SEC(".maps");

/* add counts one; it returns whether that is the first of its key. */
static __always_inline bool add(struct connect_key *key)
{
	__u64 one = 1, *count = bpf_map_lookup_elem(&connects, key);
	struct connect_key other = {.error = key->error};

	if (!count && !bpf_map_update_elem(&connects, key, &one, BPF_NOEXIST))
		return true;
	if (!count) /* another CPU was faster, */
		count = bpf_map_lookup_elem(&connects, key);
	if (!count) /* or the map is full */
		count = bpf_map_lookup_elem(&connects, &other);
	if (count)
		__sync_fetch_and_add(count, 1);
	return false;
}

#define CONTROLLER_GROUP(set, id) \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, id##_cgrp_id) ? controller_group(set, bpf_core_enum_value(enum cgroup_subsys_id, id##_cgrp_id)) : 0)

static __always_inline __u64 controller_group(struct css_set *set, __u32 controller)
{
	struct cgroup_subsys_state *css = NULL;

	bpf_probe_read_kernel(&css, sizeof(css), (void *)set + bpf_core_field_offset(struct css_set, subsys) + controller * sizeof(css));
	return READ(css, cgroup, kn, id);
}

/* fill_group says in which group the current task is. Where the v1 hierarchies are in use, a container
 * may be in the default one's root: there the memory controller's tells, or that of pids. */
static __always_inline void fill_group(struct connect_key *key)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct css_set *set = READ(task, cgroups);

	key->group = READ(set, dfl_cgrp, kn, id);
	key->controller = CONTROLLER_GROUP(set, memory);
	if (key->controller <= 1) /* the root's */
		key->controller = CONTROLLER_GROUP(set, pids);
}

/* announce tells user space which process a group was first met in. */
static __always_inline void announce(struct connect_key *key)
{
	struct scratch *s = begin(sizeof(struct syscall_event));
	struct syscall_event *event;

	if (!s)
		return;
	event = (struct syscall_event *)s->data;
	fill_header(&event->header, (void *)bpf_get_current_task(), EVENT_CONNECTS);
	event->args[0] = key->group;
	event->args[1] = key->controller;
	send(s);
}

static __always_inline bool goes_on(int ret)
{
	return ret == -EINPROGRESS || ret == -EINTR || (ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK);
}

/* tcp_sock_of returns the TCP socket of a struct file, or NULL. */
static __always_inline struct sock *tcp_sock_of(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family, protocol;

	if (!file || (READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = READ(file, private_data);
	sk = READ(socket, sk);
	if (READ(socket, type) != SOCK_STREAM || !sk)
		return NULL;
	family = READ(sk, __sk_common.skc_family);
	protocol = READ(sk, sk_protocol);
	if ((family != AF_INET && family != AF_INET6) || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
		return NULL;
	return sk;
}

/* told_before says whether ret is the end of a connect that was counted when it began: the caller asks
 * how it went by calling connect again. */
static __always_inline bool told_before(__u64 sk, int ret)
{
	struct connecting *before = bpf_map_lookup_elem(&connecting, &sk);
	bool same;

	if (!before)
		return false;
	if (before->result == CONNECT_PENDING)
		return goes_on(ret);
	same = before->result == ret;
	bpf_map_delete_elem(&connecting, &sk);
	return same;
}

/* count_connect counts what connect returned for a socket's file. */
__attribute__((noinline)) int count_connect(__u64 file_address, int ret)
{
	struct sock *sk = tcp_sock_of((void *)file_address);
	struct connecting begun = {.result = CONNECT_PENDING};
	__u64 address = (__u64)sk;
	int state;

	if (!sk || ret == -EALREADY || ret == -EISCONN || told_before(address, ret))
		return 0;
	fill_group(&begun.key);
	if (ret < 0 && !goes_on(ret))
		begun.key.error = -ret;
	if (add(&begun.key))
		announce(&begun.key);
	if (!goes_on(ret))
		return 0;
	state = READ(sk, __sk_common.skc_state);
	if (state != TCP_SYN_SENT) { /* it ended while the call returned */
		begun.result = state == TCP_CLOSE ? -READ(sk, sk_err) : 0;
		begun.key.error = -begun.result;
		if (begun.result)
			add(&begun.key);
	}
	bpf_map_update_elem(&connecting, &address, &begun, BPF_ANY);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int inet_sock_set_state(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	int from = (int)ctx[1], to = (int)ctx[2];
	__u64 address = (__u64)sk;
	struct connecting *begun;

	if (from != TCP_SYN_SENT && to != TCP_SYN_SENT)
		return 0;
	begun = bpf_map_lookup_elem(&connecting, &address);
	if (!begun)
		return 0;
	if (to == TCP_SYN_SENT) { /* a new connect; what is there is of a socket that is gone */
		bpf_map_delete_elem(&connecting, &address);
		return 0;
	}
	if (begun->result != CONNECT_PENDING)
		return 0;
	begun->result = to == TCP_CLOSE ? -READ(sk, sk_err) : 0;
	if (begun->result) { /* without an error the caller closed it */
		begun->key.error = -begun->result;
		add(&begun->key);
	}
	return 0;
}

#endif
