// tricks WAY FILE: opens FILE for reading, or starts itself again, in one of the ways that have got past sensors.
// "tricks list" names them. Build: gcc -static -no-pie (int 0x80 takes 32-bit addresses).
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *file;
static char in_proc[4096], copy[4096]; // static: below 4 GiB

static void opened(int fd)
{
	if (fd < 0)
		exit(1);
	close(fd);
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
static void by_openat2(void)
{
	struct open_how how = {.flags = O_RDONLY};
	opened(syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how));
}
static void compat(void) // a 32-bit system call of a 64-bit process
{
#ifdef __x86_64__
	long fd;
	snprintf(copy, sizeof copy, "%s", file);
	__asm__ volatile("int $0x80" : "=a"(fd) : "a"(5L), "b"(copy), "c"((long)O_RDONLY), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	opened(fd);
#else
	plain();
#endif
}
static void uring(void)
{
	struct io_uring_params p = {0};
	int ring = syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		exit(1);
	char *sq = mmap(0, p.sq_off.array + 4 * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(0, p.cq_off.cqes + 8 * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqe = mmap(0, 4 * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)file, .open_flags = O_RDONLY};
	*(unsigned *)(sq + p.sq_off.array) = 0;
	*(unsigned *)(sq + p.sq_off.tail) = 1;
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		exit(1);
	opened(((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res);
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

static const struct { const char *name; void (*f)(void); } ways[] = {
#define W(n) {#n, n}
	W(plain), W(dots), W(root_of_proc), W(symbolic), W(relative), W(directory), W(twice), W(by_openat2), W(compat), W(uring),
	W(thread), W(renamed), W(child), W(exec_plain), W(exec_thread), W(exec_memfd), W(exec_at),
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "again"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
			puts(ways[i].name);
		return 0;
	}
	if (argc != 3)
		return 2;
	file = argv[2];
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(argv[1], ways[i].name)) {
			setenv("WAY", argv[1], 1);
			ways[i].f();
			return 0;
		}
	return 2;
}
