/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * socket.h: a descriptor's socket as the kernel has it.
 */
#ifndef TOCSIN_SOCKET_H
#define TOCSIN_SOCKET_H

#include "path.h"

#define AF_INET 2
#define AF_INET6 10

/* put_socket adds CHUNK_SOCK for the descriptor fd, when it is a socket. */
__attribute__((noinline)) int put_socket(int fd)
{
	struct scratch *s = current_scratch();
	struct file *file = file_of(fd);
	struct sock_info *info;
	struct socket *socket;
	struct sock *sk;

	if (!s || !file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK || !open_chunk(s))
		return 0;
	info = room(s);
	if (!info)
		return 0;
	__builtin_memset(info, 0, sizeof(*info));
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	info->type = BPF_CORE_READ(socket, type);
	info->protocol = BPF_CORE_READ(sk, sk_protocol);
	info->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	info->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	info->fd = fd;
	if (info->family == AF_INET || info->family == AF_INET6) {
		info->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		info->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	if (info->family == AF_INET) {
		bpf_core_read(info->local, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(info->remote, 4, &sk->__sk_common.skc_daddr);
	} else if (info->family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		bpf_core_read(info->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(info->remote, 16, &sk->__sk_common.skc_v6_daddr);
	}
	s->cursor += sizeof(*info);
	close_chunk(s, CHUNK_SOCK, 0, 0);
	return 0;
}

#endif
