// tricks WAY FILE: opens FILE for reading, starts itself again, connects, or changes names or what they lead to, in one
// of the ways that have got past sensors. It needs the capabilities of a privileged container and leaves all as it was.
// "tricks list" names those that this machine has. Build: gcc -static -no-pie (int 0x80 takes 32-bit addresses).
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *file;
static char in_proc[4096], copy[4096], other[4096]; // static: below 4 GiB
static char **arguments;

static void opened(int fd)
{
	if (fd < 0)
		exit(1);
	close(fd);
}

static void done(long result)
{
	if (result < 0)
		exit(1);
}

static void plain(void) { opened(open(file, O_RDONLY)); }
static void dots(void)
{
	snprintf(copy, sizeof copy, "/proc/..//./%s", file);
	opened(open(copy, O_RDONLY));
}
static void root_of_proc(void)
{
	snprintf(in_proc, sizeof in_proc, "/proc/self/root%s", file);
	opened(open(in_proc, O_RDONLY));
}
static void symbolic(void)
{
	unlink("/tmp/tricks-link");
	if (symlink(file, "/tmp/tricks-link"))
		exit(1);
	opened(open("/tmp/tricks-link", O_RDONLY));
	unlink("/tmp/tricks-link");
}
static void relative(void)
{
	if (chdir("/"))
		exit(1);
	opened(open(file + 1, O_RDONLY));
}
static void directory(void)
{
	int d = open("/", O_RDONLY | O_DIRECTORY);
	opened(openat(d, file + 1, O_RDONLY));
}
static void twice(void) // through a descriptor that gives no right to read
{
	int path = open(file, O_PATH);
	snprintf(in_proc, sizeof in_proc, "/proc/self/fd/%d", path);
	opened(open(in_proc, O_RDONLY));
}
static void in_root_of_other(void) // of another process
{
	int child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	snprintf(in_proc, sizeof in_proc, "/proc/%d/root%s", child, file);
	opened(open(in_proc, O_RDONLY));
	kill(child, SIGKILL);
	wait(0);
}
static void in_cwd_of_proc(void)
{
	done(chdir(dirname(strcpy(copy, file))));
	snprintf(in_proc, sizeof in_proc, "/proc/self/cwd/%s", basename(strcpy(other, file)));
	opened(open(in_proc, O_RDONLY));
}
static void long_path(void) // as long as one can be: 4095 bytes
{
	memset(copy, '/', sizeof copy - 1);
	strcpy(copy + sizeof copy - 1 - strlen(file), file);
	opened(open(copy, O_RDONLY));
}
static void passed(void) // a descriptor that came over a socket and gives no right to read
{
	int pair[2], fd = open(file, O_PATH);
	char b, room[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec v = {&b, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	done(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	done(sendmsg(pair[0], &m, 0));
	close(fd);
	done(recvmsg(pair[1], &m, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	snprintf(in_proc, sizeof in_proc, "/proc/self/fd/%d", fd);
	opened(open(in_proc, O_RDONLY));
}
static void handle(void)
{
	struct { struct file_handle h; char room[MAX_HANDLE_SZ]; } h = {.h.handle_bytes = MAX_HANDLE_SZ};
	int mount;
	done(name_to_handle_at(AT_FDCWD, file, &h.h, &mount, 0));
	opened(open_by_handle_at(open(dirname(strcpy(copy, file)), O_RDONLY), &h.h, O_RDONLY));
}
static void user_namespace(void)
{
	done(unshare(CLONE_NEWUSER));
	plain();
}
static void by_openat2(void)
{
	struct open_how how = {.flags = O_RDONLY};
	opened(syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how));
}
static void in_root(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};
	opened(syscall(SYS_openat2, open(dirname(strcpy(copy, file)), O_PATH), basename(strcpy(other, file)), &how, sizeof how));
}
static void beneath(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	opened(syscall(SYS_openat2, open("/", O_PATH), file + 1, &how, sizeof how));
}
static long call32(long nr, void *a, long b, long c) // a 32-bit system call of a 64-bit process
{
	long result = -1;
#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
#endif
	return result;
}
static int has_call32(void) // some hypervisors let int 0x80 fault
{
	int status;
	if (!fork())
		_exit(call32(20, 0, 0, 0) < 0); // getpid
	wait(&status);
	return !status;
}
static void compat(void) { opened(call32(5, strcpy(copy, file), O_RDONLY, 0)); }
static int by_ring(struct io_uring_sqe request)
{
	struct io_uring_params p = {0};
	int ring = syscall(SYS_io_uring_setup, 4, &p);
	done(ring);
	char *sq = mmap(0, p.sq_off.array + 4 * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(0, p.cq_off.cqes + 8 * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqe = mmap(0, 4 * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	*sqe = request;
	*(unsigned *)(sq + p.sq_off.array) = 0;
	*(unsigned *)(sq + p.sq_off.tail) = 1;
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		exit(1);
	return ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
}
#define RING(op, ...) by_ring((struct io_uring_sqe){.opcode = IORING_OP_##op, __VA_ARGS__})
#define P(pointer) (unsigned long)(pointer)
static void uring(void) { opened(RING(OPENAT, .fd = AT_FDCWD, .addr = P(file), .open_flags = O_RDONLY)); }
static void uring2(void)
{
	struct open_how how = {.flags = O_RDONLY};
	opened(RING(OPENAT2, .fd = AT_FDCWD, .addr = P(file), .addr2 = P(&how), .len = sizeof how));
}
static void *in_thread(void *f)
{
	((void (*)(void))f)();
	return 0;
}
static void threaded(void (*f)(void))
{
	pthread_t t;
	pthread_create(&t, 0, in_thread, f);
	pthread_join(t, 0);
}
static void thread(void) { threaded(plain); }
static void renamed(void)
{
	prctl(PR_SET_NAME, "kworker/0:1");
	plain();
}
static void overwritten(void) // what it was started as
{
	memset(arguments[0], 'k', strlen(arguments[0]));
	memset(arguments[1], 'w', strlen(arguments[1]));
	plain();
}
static void child(void)
{
	if (!vfork()) {
		opened(open(file, O_RDONLY));
		_exit(0);
	}
	wait(0);
}

static char *const again[] = {"tricks", "again", 0};
static void exec_plain(void) { execve("/proc/self/exe", again, environ); }
static void exec_thread(void) { threaded(exec_plain); }
static void exec_memfd(void)
{
	int to = memfd_create("harmless", 0), from = open("/proc/self/exe", O_RDONLY);
	char b[65536];
	for (ssize_t n; (n = read(from, b, sizeof b)) > 0;)
		if (write(to, b, n) != n)
			exit(1);
	fexecve(to, again, environ);
}
static void exec_at(void)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	syscall(SYS_execveat, self, "", again, environ, AT_EMPTY_PATH);
}

static void exec_vfork(void)
{
	if (!vfork()) {
		exec_plain();
		_exit(1);
	}
	wait(0);
}
static void exec_shell(void)
{
	ssize_t n = readlink("/proc/self/exe", copy, sizeof copy - 1);
	done(n);
	copy[n] = 0;
	execl("/bin/sh", "sh", "-c", "exec \"$0\" again", copy, (char *)0);
}
static void exec_compat(void)
{
	static unsigned argv[3], env[2]; // 32-bit pointers
	static char self[] = "/proc/self/exe", word[] = "again", way[] = "WAY=exec_compat";
	argv[0] = P(self), argv[1] = P(word), env[0] = P(way);
	call32(11, self, P(argv), P(env));
}

// Changes: of the file's name, or of another that begins with it. Each undoes its work by another call.
static const char *beside(void) { return snprintf(copy, sizeof copy, "%s.other", file), copy; }

static void linkat_first(void)
{
	done(linkat(AT_FDCWD, file, AT_FDCWD, beside(), 0));
	opened(open(copy, O_RDONLY));
	unlink(copy);
}
static void symlinkat_first(void)
{
	done(symlinkat(file, AT_FDCWD, beside()));
	opened(open(copy, O_RDONLY));
	unlink(copy);
}
static void renameat2_first(void)
{
	done(syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, beside(), 0)); // libc makes it a renameat
	opened(open(copy, O_RDONLY));
	done(syscall(SYS_renameat, AT_FDCWD, copy, AT_FDCWD, file));
}
static void mount_first(void) // bound over another name
{
	done(unshare(CLONE_NEWNS));
	done(mount("", "/", "", MS_REC | MS_PRIVATE, ""));
	close(open(beside(), O_CREAT | O_WRONLY, 0600));
	done(mount(file, copy, "", MS_BIND, ""));
	opened(open(copy, O_RDONLY));
	done(umount2(copy, MNT_DETACH));
	unlink(copy);
}
static void chroot_first(void)
{
	snprintf(copy, sizeof copy, "/%s", basename(strcpy(other, file)));
	done(chroot(dirname(strcpy(other, file))));
	opened(open(copy, O_RDONLY));
}
static void linkat_uring(void)
{
	done(RING(LINKAT, .fd = AT_FDCWD, .addr = P(file), .len = AT_FDCWD, .addr2 = P(beside())));
	unlink(copy);
}
static void symlinkat_uring(void)
{
	done(RING(SYMLINKAT, .fd = AT_FDCWD, .addr = P(file), .addr2 = P(beside())));
	unlink(copy);
}
static void renameat_uring(void)
{
	done(RING(RENAMEAT, .fd = AT_FDCWD, .addr = P(file), .len = AT_FDCWD, .addr2 = P(beside())));
	done(syscall(SYS_renameat2, AT_FDCWD, copy, AT_FDCWD, file, 0));
}
static void mkdirat_uring(void)
{
	done(RING(MKDIRAT, .fd = AT_FDCWD, .addr = P(beside()), .len = 0700));
	rmdir(copy);
}
static void unlinkat_uring(void)
{
	done(link(file, beside()));
	done(RING(UNLINKAT, .fd = AT_FDCWD, .addr = P(copy)));
}

// To a port of loopback where nobody listens.
static struct sockaddr_in nowhere = {.sin_family = AF_INET};
static int to_nowhere(int type)
{
	nowhere.sin_port = htons(9);
	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return socket(AF_INET, type, 0);
}
static void connect_plain(void) { connect(to_nowhere(SOCK_STREAM), (void *)&nowhere, sizeof nowhere); }
static void connect_uring(void) { RING(CONNECT, .fd = to_nowhere(SOCK_STREAM), .addr = P(&nowhere), .off = sizeof nowhere); }
static void connect_compat(void)
{
	static unsigned args[3];
	args[0] = to_nowhere(SOCK_STREAM), args[1] = P(&nowhere), args[2] = sizeof nowhere;
	call32(102, (void *)3L, P(args), 0); // socketcall, SYS_CONNECT
}
static void sendto_uring(void)
{
	int s = to_nowhere(SOCK_DGRAM);
	done(connect(s, (void *)&nowhere, sizeof nowhere));
	done(RING(SEND, .fd = s, .addr = P("hello"), .len = 5));
}

static const struct { const char *name; void (*f)(void); } ways[] = {
#define W(n) {#n, n}
	W(plain), W(dots), W(root_of_proc), W(symbolic), W(relative), W(directory), W(twice), W(by_openat2), W(compat), W(uring),
	W(thread), W(renamed), W(child), W(overwritten), W(in_root_of_other), W(in_cwd_of_proc),
	W(long_path), W(passed), W(handle), W(user_namespace), W(in_root), W(beneath), W(uring2),
	W(exec_plain), W(exec_thread), W(exec_memfd), W(exec_at), W(exec_vfork), W(exec_shell), W(exec_compat),
	W(linkat_first), W(symlinkat_first), W(renameat2_first), W(mount_first), W(chroot_first),
	W(linkat_uring), W(symlinkat_uring), W(renameat_uring), W(mkdirat_uring), W(unlinkat_uring),
	W(connect_plain), W(connect_uring), W(connect_compat), W(sendto_uring),
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "again"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
			if (!strstr(ways[i].name, "compat") || has_call32())
				puts(ways[i].name);
		return 0;
	}
	if (argc != 3)
		return 2;
	file = strdup(argv[2]);
	arguments = argv + 1;
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(argv[1], ways[i].name)) {
			setenv("WAY", ways[i].name, 1);
			ways[i].f();
			return 0;
		}
	return 2;
}
