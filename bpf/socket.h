/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * socket.h: a descriptor's socket as the kernel has it.
 */
#ifndef TOCSIN_SOCKET_H
#define TOCSIN_SOCKET_H

#include "path.h"

#define SUN_PATH_MAX 108 /* sizeof(((struct sockaddr_un *)0)->sun_path) */

/* put_unix_name appends the name a unix socket is bound to and returns its length: 0 when it has none. */
static __always_inline __u16 put_unix_name(struct scratch *s, struct sock *sk)
{
	struct unix_address *address = READ((struct unix_sock *)sk, addr);
	__u64 len = READ(address, len) - sizeof(__u16);
	void *to = room(s);

	barrier_var(len);
	if (!sk || !address || !to || !len || len > SUN_PATH_MAX)
		return 0;
	if (bpf_probe_read_kernel(to, len, (void *)address + bpf_core_field_offset(struct unix_address, name) + sizeof(__u16))) {
		lose(LOSS_READ_KERNEL);
		return 0;
	}
	s->cursor += len;
	return len;
}

static __always_inline void fill_inet(struct sock_info *info, struct sock *sk)
{
	info->local_port = READ(sk, __sk_common.skc_num);
	info->remote_port = __builtin_bswap16(READ(sk, __sk_common.skc_dport));
	if (info->family == AF_INET) {
		bpf_core_read(info->local, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(info->remote, 4, &sk->__sk_common.skc_daddr);
	} else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		bpf_core_read(info->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(info->remote, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

/* put_socket_of adds CHUNK_SOCK for a struct file, when it is a socket's. It is argument index of the
 * call, known to the caller as descriptor fd. */
__attribute__((noinline)) int put_socket_of(__u64 file_address, int fd, __u32 index)
{
	struct scratch *s = current_scratch();
	struct file *file = (void *)file_address;
	struct sock_info *info;
	struct socket *socket;
	struct sock *sk;

	if (!s || !file || (READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK || !open_chunk(s))
		return 0;
	info = room(s);
	if (!info)
		return 0;
	__builtin_memset(info, 0, sizeof(*info));
	s->cursor += sizeof(*info);
	socket = READ(file, private_data);
	sk = READ(socket, sk);
	info->type = READ(socket, type);
	info->protocol = READ(sk, sk_protocol);
	info->family = READ(sk, __sk_common.skc_family);
	info->state = READ(sk, __sk_common.skc_state);
	info->backlog = READ(sk, sk_ack_backlog);
	info->max_backlog = READ(sk, sk_max_ack_backlog);
	info->fd = fd;
	if (info->family == AF_INET || info->family == AF_INET6)
		fill_inet(info, sk);
	if (info->family == AF_UNIX && bpf_core_type_exists(struct unix_sock)) {
		struct sock *peer = READ((struct unix_sock *)sk, peer);

		info->sock = (__u64)sk;
		info->peer = (__u64)peer;
		info->local_len = put_unix_name(s, sk);
		info->remote_len = put_unix_name(s, peer);
	}
	close_chunk(s, CHUNK_SOCK, index, 0);
	return 0;
}

static __always_inline void put_socket(int fd, __u32 index)
{
	struct scratch *s = current_scratch();

	if (s)
		put_socket_of((__u64)file_of(s, fd), fd, index);
}

#endif
