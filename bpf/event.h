/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.h: the one wire layout between the kernel programs and user space.
 *
 * A record is a fixed part (one of the *_event structs, all starting with event_header) followed by
 * header.chunks chunks. A chunk is a chunk_header and its data, padded with zero bytes to a multiple
 * of 8. Integers are in host byte order; every struct is a multiple of 8 bytes with explicit zeroed
 * padding. Go never retypes these structs: bpf2go emits them, and a test checks their BTF offsets.
 */
#ifndef TOCSIN_EVENT_H
#define TOCSIN_EVENT_H

/* Kinds of record. Values below EVENT_SYSCALL are the scheduler's; the rest are pipeline.EventType
 * numbers of system calls, which user space writes into the syscall_specs map and the kernel only
 * copies (event_header.type). */
enum event_kind {
	EVENT_UNKNOWN = 0,
	EVENT_EXEC = 1,     /* sched_process_exec: task_event, the new image */
	EVENT_FORK = 2,     /* sched_process_fork: task_event of the child */
	EVENT_EXIT = 3,     /* sched_process_exit of a thread group's last thread: exit_event */
	EVENT_CONNECTS = 5, /* a control group whose connects are counted from now on: syscall_event without
			     * chunks, its first arguments are connect_key.group and .controller */
	EVENT_SYSCALL = 16, /* first number of a system call: syscall_event */
};

/* event_header.flags */
enum event_flag {
	EVENT_COMPAT = 1 << 0,    /* a 32-bit system call (TS_COMPAT) */
	EVENT_TRUNCATED = 1 << 1, /* a chunk did not fit or could not be read whole */
	EVENT_IO_URING = 1 << 2,  /* done by io_uring, not by a system call instruction */
	EVENT_THREAD = 1 << 3,    /* EVENT_FORK: the child is a thread (CLONE_THREAD) */
	EVENT_NO_RESULT = 1 << 4, /* io_uring: submitted, its result is not known; ret is 0 */
};

struct event_header {
	__u64 time;   /* ns, CLOCK_BOOTTIME */
	__u64 start;  /* ns, CLOCK_BOOTTIME: task_struct.group_leader.start_boottime; with pid names a process for good */
	__u32 pid;    /* user space's PID: the kernel's tgid, initial namespace */
	__u32 tid;    /* user space's TID: the kernel's pid, initial namespace */
	__u32 size;   /* bytes of the whole record, chunks included */
	__u16 type;   /* enum event_kind, or a pipeline.EventType */
	__u16 flags;  /* enum event_flag */
	__u16 cpu;
	__u16 chunks; /* how many chunks follow the fixed part */
	__u32 uid;    /* effective uid, initial user namespace: cred.euid */
};

/* A system call seen at its exit. */
struct syscall_event {
	struct event_header header;
	__s64 ret;     /* return value; -errno on failure */
	__u64 args[6]; /* registers as the caller passed them */
};

/* What a task is at exec and fork: task_event. Numbers are of the initial namespaces unless said otherwise. */
struct task_info {
	__u32 ppid;       /* real_parent.tgid */
	__u32 pgid;       /* task_pgrp */
	__u32 sid;        /* task_session */
	__u32 vpid;       /* tgid in the innermost pid namespace */
	__u32 vtid;       /* pid in the innermost pid namespace */
	__u32 vpgid;
	__u32 tty;        /* new_encode_dev(MKDEV(tty.driver.major, minor_start + index)) of signal.tty; 0: none */
	__u32 loginuid;   /* audit login uid; 0xffffffff: unset */
	__u32 uid;        /* cred.uid */
	__u32 gid;        /* cred.egid */
	__u32 euid;       /* cred.euid */
	__u32 exe_flags;  /* enum exe_flag */
	__u64 cap_effective;
	__u64 cap_permitted;
	__u64 cap_inheritable;
	__u64 exe_ino;    /* inode of mm.exe_file */
	__u64 exe_ctime;  /* ns since the epoch */
	__u64 exe_mtime;  /* ns since the epoch */
	__u64 cgroup_id;  /* kernfs id of the default hierarchy's cgroup */
	__u64 pid_ns_start; /* ns, CLOCK_BOOTTIME: start of the pid namespace's init */
	__u32 mnt_ns;     /* inode number of the mount namespace */
	__u32 pid_ns;     /* inode number of the pid namespace */
	__u32 exe_dev;    /* super_block.s_dev of mm.exe_file, kernel encoding */
	__u32 creator;    /* EVENT_FORK: tgid of the task that called clone; CLONE_PARENT makes ppid another */
	__u32 creator_tid;
	__u32 pad;
	char comm[16];
};

enum exe_flag {
	EXE_UPPER_LAYER = 1 << 0, /* on overlayfs with an upper dentry */
	EXE_MEMFD = 1 << 1,       /* an unlinked memfd: file */
	EXE_DELETED = 1 << 2,     /* no link left */
	EXE_WRITABLE = 1 << 3,    /* not immutable, its file system not read-only, and owner, mode or a capability allow writing */
	EXE_LOWER_LAYER = 1 << 4, /* on overlayfs without an upper dentry */
};

struct task_event {
	struct event_header header;
	struct task_info task;
};

struct exit_event {
	struct event_header header;
	__s32 code;       /* task_struct.exit_code: status << 8 | signal */
	__u32 reaper;     /* tgid the children go to, when known; else 0 */
};

/* Kinds of chunk. "Components" is a path from its leaf to the root, each name ending in a NUL byte:
 * /etc/shadow is "shadow\0etc\0", the root itself is empty. */
enum chunk_kind {
	CHUNK_STRING = 1,   /* user string of argument .index, without its NUL */
	CHUNK_BASE = 2,     /* components: what a relative path of argument .index starts from (dirfd or cwd) */
	CHUNK_FILE = 3,     /* file_info, then components: the struct file of a descriptor */
	CHUNK_SOCKADDR = 4, /* user sockaddr of argument .index */
	CHUNK_SOCK = 5,     /* sock_info, then local_len and remote_len bytes of AF_UNIX names: a descriptor's socket */
	CHUNK_ARGV = 6,     /* mm.arg_start..arg_end, NUL separated */
	CHUNK_ENV = 7,      /* mm.env_start..env_end, NUL separated */
	CHUNK_EXE = 8,      /* components: mm.exe_file in the process's root */
	CHUNK_CWD = 9,      /* components: fs.pwd in the process's root */
	CHUNK_CGROUP = 10,  /* components of a cgroup path; .index 0 the default hierarchy, 1 + n a v1 controller */
	CHUNK_FILENAME = 11,/* bprm.filename as given to execve */
	CHUNK_DATA = 12,    /* raw user memory of argument .index: struct open_how, socketpair's two
			     * descriptors, or the first DATA_MAX bytes of what was sent or received */
	CHUNK_CRED = 13,    /* cred_info: the caller's credentials after the call */
	CHUNK_COMM = 14,    /* char[16]: the caller's task name after the call */
	CHUNK_ROOT = 15,    /* components: fs.root, up to the top of its mount namespace; empty where that is the root */
	CHUNK_MOVED = 16,   /* __u64: bytes of the first message of a call that moved several */
	CHUNK_SUBTREE = 17, /* components: what lies above the .below ones of a CHUNK_FILE, up to the root of its file system */
};

/* chunk_header.index of a CHUNK_FILE or CHUNK_SOCK whose descriptor is the call's result; else it is the
 * number of the argument. */
#define CHUNK_OF_RESULT 0xff

/* And of descriptors that came with a message (SCM_RIGHTS): this, and the next ones, for the first PASSED_MAX. */
#define CHUNK_PASSED 0xf0
#define PASSED_MAX 4

/* chunk_header.flags */
enum chunk_flag {
	CHUNK_TRUNCATED = 1 << 0, /* cut: too long, too deep or unreadable past this point */
	CHUNK_DELETED = 1 << 1,   /* the leaf is unlinked */
	CHUNK_UNREACHABLE = 1 << 2, /* the walk ended at a mount's root without meeting the process's root */
	CHUNK_NO_PATH = 1 << 3,   /* not a path in a tree (pipe:, socket:, memfd:): one component, the dentry's name */
};

struct chunk_header {
	__u16 kind;  /* enum chunk_kind */
	__u8 index;
	__u8 flags;  /* enum chunk_flag */
	__u32 len;   /* bytes of data, padding not counted */
};

struct file_info {
	__u64 ino;
	__u64 magic;    /* super_block.s_magic */
	__u32 dev;      /* super_block.s_dev, kernel encoding (major << 20 | minor) */
	__u32 mode;     /* inode.i_mode */
	__u32 f_flags;  /* file.f_flags */
	__u32 f_mode;   /* file.f_mode: FMODE_READ 1, FMODE_WRITE 2, FMODE_CREATED 0x100000 */
	__u32 nlink;
	__u32 fd;       /* the descriptor this was read from */
	__u32 flags;    /* enum file_flag */
	__u32 below;    /* FILE_IN_MOUNT: bytes of the components that lie in the file's own mount, as far as the process's root */
};

enum file_flag {
	FILE_UPPER_LAYER = 1 << 0, /* on overlayfs with an upper dentry */
	FILE_LOWER_LAYER = 1 << 1, /* on overlayfs without an upper dentry */
	FILE_CREATED = 1 << 2,     /* FMODE_CREATED: this open made the file */
	FILE_IN_MOUNT = 1 << 3,    /* .below is known */
	FILE_SUBTREE = 1 << 4,     /* those start below the root of the file system: CHUNK_SUBTREE follows */
};

/* Credentials, in the initial user namespace. */
struct cred_info {
	__u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	__u64 cap_effective;
	__u64 cap_permitted;
	__u64 cap_inheritable;
};

/* Addresses are in network byte order, IPv4 in the first four bytes; ports in host byte order. */
struct sock_info {
	__u16 family;   /* AF_* */
	__u16 type;     /* SOCK_* */
	__u16 protocol; /* IPPROTO_* */
	__u16 local_port;
	__u16 remote_port;
	__u16 state;    /* TCP_* */
	__u32 fd;
	__u8 local[16];
	__u8 remote[16];
	__u64 sock;       /* AF_UNIX: address of the struct sock, which is all the name it may have; else 0 */
	__u64 peer;       /* AF_UNIX: address of the connected struct sock, or 0 */
	__u32 backlog;    /* sk_ack_backlog: connections that wait for accept */
	__u32 max_backlog;/* sk_max_ack_backlog */
	__u16 local_len;  /* AF_UNIX: bytes of this socket's sun_path that follow: a path and its NUL, or a NUL and an abstract name */
	__u16 remote_len; /* and of its peer */
	__u32 pad;
};

/* What to collect of one system call: a row of the syscall_specs map, written by user space. */
enum spec_flag {
	SPEC_ENABLED = 1 << 0,
	SPEC_FD_RESULT = 1 << 1,   /* on success the result is a descriptor: CHUNK_FILE of it */
	SPEC_SOCKADDR = 1 << 2,    /* argument .sockaddr points at a sockaddr, its length in the next argument */
	SPEC_SOCK = 1 << 3,        /* argument .fd is a socket: CHUNK_SOCK */
	SPEC_FD = 1 << 4,          /* argument .fd is a file: CHUNK_FILE */
	SPEC_ONLY_SUCCESS = 1 << 5,
	SPEC_ONLY_FAILURE = 1 << 6, /* execve: success is reported by sched_process_exec */
	SPEC_OPEN_HOW = 1 << 7,     /* argument 2 points at struct open_how: CHUNK_DATA */
	SPEC_ARGV = 1 << 8,         /* arguments after .path[0] are argv and envp (failed execve): CHUNK_ARGV, CHUNK_ENV */
	SPEC_SOCK_RESULT = 1 << 9,  /* on success the result is a socket: CHUNK_SOCK */
	SPEC_ADDRLEN = 1 << 10,     /* with SPEC_SOCKADDR: the next argument points at the length (accept, recvfrom) */
	SPEC_MSGHDR = 1 << 11,      /* argument .sockaddr points at a struct user_msghdr that has the address and the data */
	SPEC_DATA = 1 << 12,        /* argument .data points at a buffer, its length in the next argument: CHUNK_DATA */
	SPEC_PAIR = 1 << 13,        /* argument .data points at two descriptors: CHUNK_DATA, two CHUNK_SOCK; with SPEC_FD one CHUNK_FILE */
	SPEC_CRED = 1 << 14,        /* CHUNK_CRED */
	SPEC_COMM = 1 << 15,        /* CHUNK_COMM */
	SPEC_CWD = 1 << 16,         /* CHUNK_CWD */
	SPEC_ROOT = 1 << 17,        /* CHUNK_ROOT */
	SPEC_BPF = 1 << 18,         /* like SPEC_FD_RESULT for those of bpf's commands that return a descriptor */
	SPEC_MANY = 1 << 19,        /* with SPEC_MSGHDR: it is the first of an array of struct mmsghdr: CHUNK_MOVED */
	SPEC_PASSED = 1 << 20,      /* with SPEC_MSGHDR: descriptors may have come with it: CHUNK_FILE or CHUNK_SOCK of each */
	SPEC_DUPFD = 1 << 21,       /* only when argument 1 is F_DUPFD or F_DUPFD_CLOEXEC */
};

#define SPEC_NO_ARG 0xff

/* How much of what was sent or received is copied: what Falco copies (its snaplen). */
#define DATA_MAX 80

struct syscall_spec {
	__u16 type;      /* pipeline.EventType */
	__u16 pad;
	__u32 flags;     /* enum spec_flag */
	__u8 path[2];    /* arguments that are path strings, or SPEC_NO_ARG */
	__u8 dirfd[2];   /* the argument each starts from, or SPEC_NO_ARG for the working directory */
	__u8 fd;         /* argument that is a descriptor, or SPEC_NO_ARG */
	__u8 sockaddr;   /* argument that points at a sockaddr, or SPEC_NO_ARG */
	__u8 string;     /* argument that is a plain string (mount's type, symlink's target), or SPEC_NO_ARG */
	__u8 data;       /* argument that points at data, or SPEC_NO_ARG */
};

/* Whose connects a row of the connects map counts, and which. */
struct connect_key {
	__u64 group;      /* kernfs id of the default hierarchy's control group; 0: of all that found the map full */
	__u64 controller; /* kernfs id of the memory (or pids) controller's: another one only in v1 hierarchies */
	__s32 error;      /* errno; 0: connects that succeeded or went on in the background */
	__u32 pad;
};

/* Losses, counted per CPU in the losses map; pipeline.Loss mirrors the order. */
enum loss {
	LOSS_RING_FULL = 0,     /* bpf_ringbuf_output failed: the event is gone */
	LOSS_PATH_TRUNCATED = 1,/* a path was cut */
	LOSS_READ_USER = 2,     /* the caller's memory could not be read */
	LOSS_READ_KERNEL = 3,   /* a kernel object could not be read */
	LOSS_ARGS_TRUNCATED = 4,/* argv or env was cut */
	LOSS_CHUNK_FULL = 5,    /* the record had no room for a chunk */
	LOSS_SHED = 6,          /* left out because the ring was nearly full: the event is gone */
	LOSS_MAX = 7,
};

/* How full the ring may be for an event to be recorded, by how much it matters. */
enum shed {
	SHED_NEVER = 0, /* as long as there is room */
	SHED_LATE = 1,  /* left out from shed_late_from bytes on */
	SHED_EARLY = 2, /* left out from shed_early_from bytes on */
	SHED_LAST = 3,  /* left out from shed_last_from bytes on: the rest is for processes that come, change and go */
};

#endif
