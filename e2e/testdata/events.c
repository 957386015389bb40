// events ACTION DIR: makes DIR with a few files in it, goes there, and makes the system call that ACTION is named
// after; what follows a "-" in the name says how. "events list" names all. Results are the sensor's to tell.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_removexattrat 466
#endif
#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define A(name, ...) static void a_##name(void) { __VA_ARGS__; }
#define NOBODY (1 << 30) // no process has this number

static int file(void) { return open("file", O_RDWR); }
static int folder(void) { return open("sub", O_RDONLY | O_DIRECTORY); }

// Files.
A(openat, CALL(openat, AT_FDCWD, "sub/../file", O_RDONLY))
A(openat_created, CALL(openat, folder(), "new", O_CREAT | O_WRONLY | O_EXCL, 0640))
A(openat_missing, CALL(openat, AT_FDCWD, "missing", O_RDWR))
A(openat_link, CALL(openat, AT_FDCWD, "link", O_RDONLY))
static void a_openat2(void)
{
	struct open_how how = {.flags = O_RDWR, .resolve = RESOLVE_NO_SYMLINKS};
	CALL(openat2, AT_FDCWD, "file", &how, sizeof how);
	CALL(openat2, AT_FDCWD, "link", &how, sizeof how);
}
static void a_open_by_handle_at(void)
{
	struct { struct file_handle h; char room[128]; } handle = {.h.handle_bytes = 128};
	int mount;
	name_to_handle_at(AT_FDCWD, "file", &handle.h, &mount, 0);
	CALL(open_by_handle_at, AT_FDCWD, &handle, O_RDONLY);
}
A(open_tree, CALL(open_tree, AT_FDCWD, "sub", 0))
A(truncate, CALL(truncate, "file", 0L))
A(ftruncate, CALL(ftruncate, file(), 0L))
A(renameat2, CALL(renameat2, AT_FDCWD, "file", folder(), "moved", 1 /* NOREPLACE */))
A(linkat, CALL(linkat, AT_FDCWD, "file", folder(), "hard", 0))
A(symlinkat, CALL(symlinkat, "../file", folder(), "soft"))
A(unlinkat, CALL(unlinkat, AT_FDCWD, "file", 0))
A(unlinkat_missing, CALL(unlinkat, AT_FDCWD, "missing", 0))
A(mkdirat, CALL(mkdirat, AT_FDCWD, "made", 0750))
A(mknodat, CALL(mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0))
A(fchmod, CALL(fchmod, file(), 04755))
A(fchmodat, CALL(fchmodat, AT_FDCWD, "file", 04755))
A(fchmodat2, CALL(fchmodat2, AT_FDCWD, "file", 0600, 0))
A(fchown, CALL(fchown, file(), 1, 2))
A(fchownat, CALL(fchownat, AT_FDCWD, "file", 1, 2, 0))
A(setxattr, CALL(setxattr, "file", "", "x", 1, 0)) // no name: ERANGE on every file system
A(lsetxattr, CALL(lsetxattr, "file", "", "x", 1, 0))
A(fsetxattr, CALL(fsetxattr, file(), "", "x", 1, 0))
A(removexattr, CALL(removexattr, "file", ""))
A(lremovexattr, CALL(lremovexattr, "file", ""))
A(fremovexattr, CALL(fremovexattr, file(), ""))
static long xattr_args[2];
A(setxattrat, CALL(setxattrat, AT_FDCWD, "file", 0, "", xattr_args, sizeof xattr_args))
A(removexattrat, CALL(removexattrat, AT_FDCWD, "file", 0, ""))
#ifdef SYS_open
A(open, CALL(open, "file", O_RDWR | O_APPEND))
A(creat, CALL(creat, "new", 0600))
A(rename, CALL(rename, "file", "sub/moved"))
A(link, CALL(link, "file", "sub/hard"))
A(symlink, CALL(symlink, "/etc/passwd", "soft"))
A(unlink, CALL(unlink, "file"))
A(rmdir, CALL(rmdir, "sub"))
A(mkdir, CALL(mkdir, "made", 0700))
A(mknod, CALL(mknod, "fifo", S_IFIFO | 0600, 0))
A(chmod, CALL(chmod, "file", 0777))
A(chown, CALL(chown, "file", 1, 2))
A(lchown, CALL(lchown, "link", 1, 2))
#endif
A(renameat, CALL(renameat, AT_FDCWD, "file", folder(), "moved"))

// Mounts, in a mount namespace of its own.
static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, ""))
		exit(1);
}
A(mount, private_mounts(); CALL(mount, "none", "sub", "tmpfs", MS_NOSUID, "size=1m"))
A(umount2, private_mounts(); mount("none", "sub", "tmpfs", 0, ""); CALL(umount2, "sub", MNT_DETACH))
A(move_mount, private_mounts(); int tree = CALL(open_tree, AT_FDCWD, "sub", OPEN_TREE_CLONE);
  CALL(move_mount, tree, "", AT_FDCWD, "sub", 4 /* F_EMPTY_PATH */))
A(pivot_root, private_mounts(); mount("sub", "sub", "", MS_BIND, ""); mkdir("sub/old", 0700); CALL(pivot_root, "sub", "sub/old"))

static int context(void) // of a tmpfs that is mounted nowhere
{
	return CALL(fsopen, "tmpfs", 1 /* CLOEXEC */);
}
A(fsopen, context())
A(fsconfig, CALL(fsconfig, context(), 1 /* SET_STRING */, "size", "1m", 0))
A(fsmount, int fs = context(); CALL(fsconfig, fs, 6 /* CREATE */, 0, 0, 0); CALL(fsmount, fs, 0, 0))
A(fspick, private_mounts(); mount("none", "sub", "tmpfs", 0, ""); CALL(fspick, AT_FDCWD, "sub", 0))
static void a_mount_setattr(void)
{
	static const long attr[4] = {1 /* RDONLY */};
	private_mounts();
	mount("none", "sub", "tmpfs", 0, "");
	CALL(mount_setattr, AT_FDCWD, "sub", 0, attr, sizeof attr);
}

// Descriptors.
A(close, CALL(close, file()))
A(close_bad, CALL(close, 99))
A(dup, CALL(dup, file()))
#ifdef SYS_dup2
A(dup2, CALL(dup2, file(), 31))
#endif
A(dup3, CALL(dup3, file(), 31, O_CLOEXEC))
A(fcntl, CALL(fcntl, file(), F_DUPFD_CLOEXEC, 40))
A(close_range, CALL(close_range, 40, 50, 0))
static int two[2];
static unsigned long mask;
static int self(void) { return CALL(pidfd_open, getpid(), 0); }
A(pipe2, CALL(pipe2, two, O_CLOEXEC))
A(eventfd2, CALL(eventfd2, 7, EFD_CLOEXEC))
A(signalfd4, CALL(signalfd4, -1, &mask, sizeof mask, O_CLOEXEC))
A(timerfd_create, CALL(timerfd_create, CLOCK_MONOTONIC, O_CLOEXEC))
A(epoll_create1, CALL(epoll_create1, EPOLL_CLOEXEC))
A(inotify_init1, CALL(inotify_init1, O_CLOEXEC))
A(pidfd_open, self())
A(pidfd_getfd, CALL(pidfd_getfd, self(), file(), 0))
A(memfd_secret, CALL(memfd_secret, 0))
#ifdef SYS_pipe
A(pipe, CALL(pipe, two))
A(eventfd, CALL(eventfd, 7))
A(signalfd, CALL(signalfd, -1, &mask, sizeof mask))
A(epoll_create, CALL(epoll_create, 1))
A(inotify_init, CALL(inotify_init))
#endif
A(memfd_create, CALL(memfd_create, "payload", 1 /* MFD_CLOEXEC */))
A(userfaultfd, CALL(userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */))
static void a_perf_event_open(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
	CALL(perf_event_open, &attr, 0, -1, -1, 0);
}
static void a_io_uring_setup(void)
{
	struct io_uring_params p = {0};
	CALL(io_uring_setup, 4, &p);
}
static void a_bpf(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	CALL(bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

// Sockets, on loopback.
static struct sockaddr_in addr;
static socklen_t size = sizeof addr;
static struct sockaddr *const sa = (void *)&addr;
static char buffer[16];
static struct iovec vec = {"hello", 5}, into = {buffer, sizeof buffer};

static int tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int bound(int type) // a socket on a free port, which addr then has
{
	int s = socket(AF_INET, type, 0);
	addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bind(s, sa, size);
	getsockname(s, sa, &size);
	return s;
}
static int listening(void)
{
	int s = bound(SOCK_STREAM);
	listen(s, 7);
	return s;
}
static int waiting(void) // a listening socket with a connection to accept
{
	int s = listening();
	connect(tcp(), sa, size);
	return s;
}
static int connected(void)
{
	listening();
	int s = tcp();
	connect(s, sa, size);
	return s;
}
static int fed(void) // a socket with something to receive
{
	int s = bound(SOCK_DGRAM);
	sendto(socket(AF_INET, SOCK_DGRAM, 0), "hello", 5, 0, sa, size);
	return s;
}
static void bind_to_10025(int s)
{
	addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(10025), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CALL(bind, s, sa, size);
}
A(socket, CALL(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
A(socketpair, int pair[2]; CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, pair))
A(bind, bind_to_10025(socket(AF_INET, SOCK_DGRAM, 0)))
A(listen, CALL(listen, bound(SOCK_STREAM), 7))
A(accept, CALL(accept, waiting(), 0, 0))
A(accept4, CALL(accept4, waiting(), 0, 0, SOCK_CLOEXEC))
A(connect, listening(); CALL(connect, tcp(), sa, size))
A(connect_refused, bound(SOCK_STREAM); CALL(connect, tcp(), sa, size))
static void a_connect_unix(void)
{
	struct sockaddr_un name = {AF_UNIX, "sock"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(s, (void *)&name, sizeof name);
	listen(s, 1);
	CALL(connect, socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name);
}
A(sendto, CALL(sendto, connected(), "hello", 5, 0, 0, 0))
A(sendmsg, struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1}; CALL(sendmsg, connected(), &m, 0))
A(recvfrom, struct sockaddr_in from; socklen_t n = sizeof from; CALL(recvfrom, fed(), buffer, sizeof buffer, 0, &from, &n))
A(recvmsg, struct sockaddr_in from; struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &into, .msg_iovlen = 1};
  CALL(recvmsg, fed(), &m, 0))

static void with_message(void (*receive)(int)) // a socket on which a descriptor of the file has come
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	socketpair(AF_UNIX, SOCK_DGRAM, 0, two);
	*(int *)CMSG_DATA(&control.head) = file();
	sendmsg(two[0], &m, 0);
	receive(two[1]);
}
static long control[16];
static struct mmsghdr in[2] = {
	{{.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control}}, {{.msg_iov = &into, .msg_iovlen = 1}}};
static void receive(int s) { CALL(recvmsg, s, &in[0].msg_hdr, 0); }
static void receive_many(int s) { CALL(recvmmsg, s, in, 2, MSG_DONTWAIT, 0); }
A(recvmsg_passed, with_message(receive))
A(recvmmsg, with_message(receive_many))
A(sendmmsg, struct mmsghdr m[2] = {{{.msg_iov = &vec, .msg_iovlen = 1}}, {{.msg_iov = &vec, .msg_iovlen = 1}}}; CALL(sendmmsg, connected(), m, 2, 0))
A(shutdown, CALL(shutdown, connected(), SHUT_WR))

// What only 32-bit programs can do. This one is linked where its addresses fit, but for the stack.
#ifdef __x86_64__
static long int80(long nr, long a, long b, long c)
{
	long ret;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#define SHORT(p) ((unsigned)(long)(p))
A(umount, private_mounts(); mount("none", "sub", "tmpfs", 0, ""); int80(22, SHORT("sub"), 0, 0))
static void receive_32(int s)
{
	static unsigned vec32[2], m[7]; // struct compat_iovec, compat_msghdr
	vec32[0] = SHORT(buffer), vec32[1] = sizeof buffer;
	m[2] = SHORT(vec32), m[3] = 1, m[4] = SHORT(control), m[5] = sizeof control;
	int80(372, s, SHORT(m), 0);
}
A(recvmsg_32, with_message(receive_32))
static void receive_many_32(int s)
{
	static unsigned vec32[2], m[8]; // and compat_mmsghdr
	static unsigned args[5];
	vec32[0] = SHORT(buffer), vec32[1] = sizeof buffer;
	m[2] = SHORT(vec32), m[3] = 1, m[4] = SHORT(control), m[5] = sizeof control;
	args[0] = s, args[1] = SHORT(m), args[2] = 1, args[3] = MSG_DONTWAIT, args[4] = 0;
	int80(102, 19 /* SYS_RECVMMSG */, SHORT(args), 0);
}
A(recvmmsg_32, with_message(receive_many_32))
static int has_32(void) // some hypervisors have no such calls
{
	int status;
	pid_t child = fork();
	if (!child)
		_exit(int80(20, 0, 0, 0) < 0); // getpid
	waitpid(child, &status, 0);
	return !status;
}
#else
static int has_32(void) { return 0; }
#endif

// Tasks.
static char *const again[] = {"again", "execve", 0}, *const env[] = {"K=V", 0};
A(execve, CALL(execve, "/proc/self/exe", again, env))
A(execve_missing, CALL(execve, "missing", again, env))
A(execveat_missing, CALL(execveat, folder(), "missing", again, env, 0))
A(procexit, _exit(7))
static void a_clone(void)
{
	if (!CALL(clone, SIGCHLD, 0, 0, 0, 0))
		_exit(0);
	wait(0);
}
static void a_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD, .flags = CLONE_NEWUTS};
	if (!CALL(clone3, &args, sizeof args))
		_exit(0);
	wait(0);
}
#ifdef SYS_fork
static void a_fork(void)
{
	if (!CALL(fork))
		_exit(0);
	wait(0);
}
static void a_vfork(void)
{
	if (!vfork())
		_exit(0);
	wait(0);
}
#endif
A(chdir, CALL(chdir, "sub"))
A(fchdir, CALL(fchdir, folder()))
A(chroot, CALL(chroot, "sub"))
A(prctl, CALL(prctl, PR_SET_NAME, "kworker/0:1", 0, 0, 0))
static void in_child(void (*f)(void))
{
	if (!fork()) {
		f();
		_exit(0);
	}
	wait(0);
}
static void new_session(void) { CALL(setsid); }
A(setsid, in_child(new_session))
A(setpgid, CALL(setpgid, 0, 0))
A(setuid, CALL(setuid, 1000))
A(setgid, CALL(setgid, 7))
A(setreuid, CALL(setreuid, 1, 2))
A(setregid, CALL(setregid, 1, 2))
A(setresuid, CALL(setresuid, 1, 2, 3))
A(setresgid, CALL(setresgid, 1, 2, 3))
A(setfsuid, CALL(setfsuid, 7))
A(setfsgid, CALL(setfsgid, 7))
A(setgroups, gid_t groups[] = {5, 6}; CALL(setgroups, 2, groups))
static void a_capset(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{1 << CAP_CHOWN, 1 << CAP_CHOWN, 0}};
	CALL(capset, &head, none);
}
A(setns, CALL(setns, open("/proc/self/ns/uts", O_RDONLY), CLONE_NEWUTS))
A(unshare, CALL(unshare, CLONE_NEWUTS | CLONE_NEWIPC))
A(kill, CALL(kill, getpid(), 0))
A(kill_nobody, CALL(kill, NOBODY, SIGKILL))
A(tkill, CALL(tkill, getpid(), SIGCHLD))
A(tgkill, CALL(tgkill, getpid(), getpid(), SIGCHLD))
A(pidfd_send_signal, int self = CALL(pidfd_open, getpid(), 0); CALL(pidfd_send_signal, self, SIGCHLD, 0, 0))
static void traced(void) { CALL(ptrace, PTRACE_TRACEME, 0, 0, 0); }
A(ptrace, in_child(traced))
A(ptrace_nobody, CALL(ptrace, PTRACE_ATTACH, NOBODY, 0, 0))
A(process_vm_writev, struct iovec to = {buffer, 5}; CALL(process_vm_writev, getpid(), &vec, 1L, &to, 1L, 0L))

A(process_vm_readv, struct iovec to = {buffer, 5}; CALL(process_vm_readv, getpid(), &to, 1L, &vec, 1L, 0L))

// The kernel itself: nothing that it takes.
A(init_module, CALL(init_module, "nothing", 0L, "b=2"))
A(finit_module, CALL(finit_module, file(), "a=1", 0))
A(delete_module, CALL(delete_module, "nosuch_module", O_NONBLOCK))
A(keyctl, CALL(keyctl, 0 /* GET_KEYRING_ID */, -1 /* of the thread */, 0, 0, 0))

static const struct { const char *name; void (*f)(void); } actions[] = {
#define W(n) {#n, a_##n}
	W(openat), W(openat_created), W(openat_missing), W(openat_link), W(openat2), W(open_by_handle_at), W(open_tree), W(truncate), W(ftruncate),
	W(renameat), W(renameat2), W(linkat), W(symlinkat), W(unlinkat), W(unlinkat_missing), W(mkdirat), W(mknodat), W(fchmod), W(fchmodat),
	W(fchmodat2), W(fchown), W(fchownat), W(setxattr), W(lsetxattr), W(fsetxattr), W(removexattr), W(lremovexattr), W(fremovexattr),
#ifdef SYS_open
	W(open), W(creat), W(rename), W(link), W(symlink), W(unlink), W(rmdir), W(mkdir), W(mknod), W(chmod), W(chown), W(lchown), W(dup2), W(fork), W(vfork),
#endif
	W(mount), W(umount2), W(move_mount), W(pivot_root), W(close), W(close_bad), W(dup), W(dup3), W(memfd_create), W(userfaultfd),
	W(perf_event_open), W(io_uring_setup), W(bpf), W(socket), W(socketpair), W(bind), W(listen), W(accept), W(accept4), W(connect),
	W(connect_refused), W(connect_unix), W(sendto), W(sendmsg), W(recvfrom), W(recvmsg), W(execve), W(execve_missing), W(execveat_missing),
	W(procexit), W(clone), W(clone3), W(chdir), W(fchdir), W(chroot), W(prctl), W(setsid), W(setpgid), W(setuid), W(setgid), W(setreuid),
	W(setregid), W(setresuid), W(setresgid), W(capset), W(setns), W(unshare), W(kill), W(kill_nobody), W(tkill), W(tgkill),
	W(pidfd_send_signal), W(ptrace), W(ptrace_nobody), W(process_vm_writev), W(init_module), W(finit_module), W(delete_module), W(keyctl),
	W(setxattrat), W(removexattrat), W(fsopen), W(fsconfig), W(fsmount), W(fspick), W(mount_setattr), W(fcntl), W(close_range), W(pipe2),
	W(eventfd2), W(signalfd4), W(timerfd_create), W(epoll_create1), W(inotify_init1), W(pidfd_open), W(pidfd_getfd), W(memfd_secret),
	W(recvmsg_passed), W(recvmmsg), W(sendmmsg), W(shutdown), W(setfsuid), W(setfsgid), W(setgroups), W(process_vm_readv),
#ifdef SYS_pipe
	W(pipe), W(eventfd), W(signalfd), W(epoll_create), W(inotify_init),
#endif
#ifdef __x86_64__
	W(umount), W(recvmsg_32), W(recvmmsg_32), // last: list leaves them out where they cannot be
#endif
};
#ifdef __x86_64__
#define ONLY_32 3
#else
#define ONLY_32 0
#endif

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "execve"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (unsigned i = 0; i < sizeof actions / sizeof *actions - (has_32() ? 0 : ONLY_32); i++)
			puts(actions[i].name);
		return 0;
	}
	if (argc != 3 || mkdir(argv[2], 0755) || chdir(argv[2]) || mkdir("sub", 0755) || symlink("file", "link"))
		return 2;
	int fd = open("file", O_CREAT | O_WRONLY, 0644);
	if (write(fd, "x", 1) != 1 || close(fd))
		return 2;
	for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++)
		if (!strcmp(argv[1], actions[i].name)) {
			actions[i].f();
			return 0;
		}
	return 2;
}
