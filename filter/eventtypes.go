package filter

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// typeSet is a set of event types.
type typeSet [pipeline.NumEventTypes]bool

// otherNames are system calls whose events go by another name here.
var otherNames = map[string]string{
	"exit": "procexit", "exit_group": "procexit",
}

// compileTypes answers a check on the event's type for every type there is, so that nothing is left
// to ask at run time.
func compileTypes(c *syntax.Check, left field.Ref) (*typeSet, []string, error) {
	test, notes, err := typeTest(c)
	if err != nil {
		return nil, nil, err
	}
	var set typeSet
	var v field.View
	for t := range set {
		v.Reset(&pipeline.Event{Type: pipeline.EventType(t)})
		name, ok := left.Str(&v)
		set[t] = ok && test(name)
	}
	return &set, notes, nil
}

// onlyTypes are the event types for which a check with constants can hold, by what its field can be in each.
func onlyTypes(c *syntax.Check, left field.Ref) (*typeSet, error) {
	of := left.Def.OfType
	if of == nil {
		return nil, nil
	}
	test := func(string) bool { return true }
	if c.Op != syntax.Exists {
		var err error
		if test, err = stringTest(c); err != nil {
			return nil, err
		}
	}
	var set typeSet
	for t := range set {
		value, may := of(pipeline.EventType(t))
		set[t] = may && (value == "" || test(value))
	}
	return &set, nil
}

// typeTest is the check as a test of a type's name.
func typeTest(c *syntax.Check) (func(string) bool, []string, error) {
	if c.Op == syntax.Exists {
		return func(string) bool { return true }, nil, nil
	}
	if c.Op != syntax.Eq && c.Op != syntax.NotEq && !c.Op.IsList() {
		test, err := stringTest(c)
		return test, nil, err
	}
	canonical := *c
	canonical.Values = nil
	var notes []string
	for _, v := range c.Values {
		name := v.Text
		if other, ok := otherNames[name]; ok {
			name = other
		}
		if len(pipeline.EventTypesNamed(name)) == 0 {
			if !slices.Contains(unseenEvents(), name) {
				return nil, nil, &syntax.Error{At: v.At, Unknown: true, Msg: fmt.Sprintf("unknown event type %q", name),
					Hint: syntax.DidYouMean(name, append(unseenEvents(), eventNames()...))}
			}
			notes = append(notes, fmt.Sprintf("events of type %s are not watched", name))
		}
		canonical.Values = append(canonical.Values, syntax.Value{At: v.At, Text: name})
	}
	test, err := stringTest(&canonical)
	return test, notes, err
}

func eventNames() []string {
	var names []string
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		names = append(names, t.String())
	}
	return names
}

// unseenEvents are names Falco knows and this program has no event for.
var unseenEvents = sync.OnceValue(func() []string {
	return strings.Fields(`
	_sysctl access acct add_key adjtimex afs_syscall alarm arch_prctl brk cachestat capget chown32 clock_adjtime
	clock_getres clock_gettime clock_nanosleep clock_settime copy_file_range creat delete_module
	epoll_ctl epoll_pwait epoll_pwait2 epoll_wait faccessat
	faccessat2 fadvise64 fallocate fanotify_init fanotify_mark fcntl64 fdatasync fgetxattr flistxattr
	flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
	ftruncate64 futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_mempolicy get_robust_list
	getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp
	getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt
	gettid gettimeofday getuid getxattr inotify_add_watch inotify_rm_watch
	io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register ioctl
	ioperm iopl ioprio_get ioprio_set kcmp kexec_file_load kexec_load landlock_add_rule landlock_create_ruleset
	landlock_restrict_self lgetxattr listxattr llistxattr lookup_dcookie lremovexattr lseek lsetxattr lstat
	lstat64 madvise map_shadow_stack mbind membarrier migrate_pages mincore mlock mlock2 mlockall
	mmap mmap2 modify_ldt move_pages mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
	mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
	name_to_handle_at nanosleep newfstatat nfsservctl open_tree_attr pause personality
	pkey_alloc pkey_free pkey_mprotect poll ppoll pread pread64 preadv preadv2 prlimit prlimit64
	process_madvise process_mrelease pselect6 pwrite pwrite64 pwritev pwritev2 quotactl
	quotactl_fd read readahead readlink readlinkat readv reboot recv remap_file_pages removexattr
	request_key restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
	rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
	sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
	sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
	send sendfile set_mempolicy set_mempolicy_home_node set_robust_list set_tid_address setdomainname
	sethostname setitimer setns setpgid setpriority setrlimit setsockopt settimeofday
	shmat shmctl shmdt shmget sigaltstack socketpair splice stat stat64 statfs
	statmount listmount statx swapoff swapon sync sync_file_range syncfs sysfs sysinfo syslog tee time
	timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_gettime
	timerfd_settime times truncate64 ugetrlimit umask uname uselib ustat utime utimensat utimes vhangup
	vmsplice wait4 waitid waitpid write writev
	container container_removed drop group_added group_deleted infra k8s notification pluginevent signaldeliver
	switch sysdigevent syscall tracer user_added user_deleted asyncevent page_fault`)
})
