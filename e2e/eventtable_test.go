package e2e

import "fmt"

// eventCases is the table: the first word of a name is the action of testdata/events.c.
func eventCases() map[string]eventCase {
	all := map[string]eventCase{}
	for _, part := range []map[string]eventCase{fileEvents(), changeEvents(), descriptorEvents(), socketEvents(), taskEvents(), systemEvents()} {
		for name, c := range part {
			if _, twice := all[name]; twice {
				panic(fmt.Sprintf("two cases are named %s", name))
			}
			all[name] = c
		}
	}
	return all
}

const ok = "SUCCESS"

func fileEvents() map[string]eventCase {
	moved := values{"evt.rawres": "0", "fs.path.source": "DIR/file", "fs.path.target": "DIR/sub/moved"}
	opened := values{"fd.name": "DIR/file", "fs.path.name": "DIR/file", "fd.type": "file"}
	return map[string]eventCase{
		"openat": {"openat", ok, values{"fd.name": "DIR/file", "fd.nameraw": "sub/../file", "fd.type": "file", "fd.typechar": "f",
			"fs.path.name": "DIR/file", "evt.is_open_read": "true", "evt.is_open_write": "false", "evt.arg.flags": "O_RDONLY", "evt.arg.dirfd": "AT_FDCWD",
			"fd.directory": "DIR", "fd.filename": "file", "proc.name": "events", "proc.exepath": "*", "proc.cwd": "DIR/", "proc.pname": "*", "user.uid": "0"}},
		"openat_created":                    {"openat", ok, values{"fd.name": "DIR/sub/new", "evt.is_open_write": "true", "evt.arg.flags": "*", "evt.arg.mode": "0640"}},
		"openat_missing":                    {"openat", "ENOENT", values{"evt.rawres": "-2", "evt.failed": "true", "fd.name": "DIR/missing", "fs.path.name": "DIR/missing", "fd.num": "-1"}},
		"openat_link":                       {"openat", ok, values{"fd.name": "DIR/file", "fd.nameraw": "link"}},
		"openat2":                           {"openat2", ok, values{"fd.name": "DIR/file", "evt.is_open_read": "true", "evt.is_open_write": "true"}},
		"openat2 through a link it refuses": {"openat2", "ELOOP", values{"evt.rawres": "-40", "fd.name": "DIR/link"}},
		"open_by_handle_at":                 {"open_by_handle_at", ok, values{"fd.name": "DIR/file", "evt.arg.path": "DIR/file", "evt.arg.flags": "O_RDONLY"}},
		"open_tree":                         {"open_tree", ok, values{"fd.name": "DIR/sub", "fd.num": "*"}},
		"open":                              {"open", ok, opened},
		"creat":                             {"creat", ok, values{"fd.name": "DIR/new", "evt.arg.mode": "0600"}},
		"truncate":                          {"truncate", ok, values{"evt.rawres": "0", "evt.arg.path": "DIR/file"}},
		"ftruncate":                         {"ftruncate", ok, values{"evt.rawres": "0", "evt.arg.fd": "<f>DIR/file", "fd.name": "DIR/file"}},
		"rename":                            {"rename", ok, moved},
		"renameat":                          {"renameat", ok, moved},
		"renameat2":                         {"renameat2", ok, values{"fs.path.source": "DIR/file", "fs.path.target": "DIR/sub/moved", "evt.arg.flags": "RENAME_NOREPLACE"}},
		"link":                              {"link", ok, values{"fs.path.target": "DIR/file", "fs.path.source": "DIR/sub/hard"}},
		"linkat":                            {"linkat", ok, values{"fs.path.target": "DIR/file", "fs.path.source": "DIR/sub/hard", "evt.rawres": "0"}},
		"symlink":                           {"symlink", ok, values{"fs.path.source": "DIR/soft", "fs.path.target": "/etc/passwd"}},
		"symlinkat":                         {"symlinkat", ok, values{"fs.path.source": "DIR/sub/soft", "fs.path.targetraw": "../file", "fs.path.target": "DIR/file"}},
		"unlink":                            {"unlink", ok, values{"fs.path.name": "DIR/file", "fs.path.nameraw": "file"}},
		"unlinkat":                          {"unlinkat", ok, values{"fs.path.name": "DIR/file", "evt.rawres": "0"}},
		"unlinkat_missing":                  {"unlinkat", "ENOENT", values{"fs.path.name": null, "evt.arg.name": "DIR/missing"}},
		"rmdir":                             {"rmdir", ok, values{"fs.path.name": "DIR/sub"}},
		"mkdir":                             {"mkdir", ok, values{"fs.path.name": "DIR/made", "evt.arg.mode": "1C0"}},
		"mkdirat":                           {"mkdirat", ok, values{"fs.path.name": "DIR/made", "evt.arg.mode": "1E8"}},
		"mknod":                             {"mknod", ok, values{"evt.arg.path": "DIR/fifo", "evt.arg.mode": "010600"}},
		"mknodat":                           {"mknodat", ok, values{"evt.arg.path": "DIR/fifo", "evt.arg.mode": "010600"}},
	}
}

// changeEvents change what a file is, and where file systems are.
func changeEvents() map[string]eventCase {
	owner := values{"fs.path.name": "DIR/file", "evt.arg.uid": "1", "evt.arg.gid": "2"}
	attribute := values{"evt.rawres": "-34", "evt.arg.path": "DIR/file"}
	ofDescriptor := values{"evt.rawres": "-34", "fd.name": "DIR/file"}
	const everyone = "S_IXOTH|S_IWOTH|S_IROTH|S_IXGRP|S_IWGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR"
	const setuid = "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"
	return map[string]eventCase{
		"chmod":         {"chmod", ok, values{"fs.path.name": "DIR/file", "evt.arg.mode": everyone}},
		"fchmod":        {"fchmod", ok, values{"fs.path.name": "DIR/file", "fd.name": "DIR/file", "evt.arg.mode": setuid}},
		"fchmodat":      {"fchmodat", ok, values{"fs.path.name": "DIR/file", "evt.arg.filename": "DIR/file", "evt.arg.mode": setuid}},
		"fchmodat2":     {"fchmodat2", ok, values{"fs.path.name": "DIR/file", "evt.arg.mode": "S_IWUSR|S_IRUSR"}},
		"chown":         {"chown", ok, owner},
		"lchown":        {"lchown", ok, values{"fs.path.name": "DIR/link", "evt.arg.uid": "1"}},
		"fchown":        {"fchown", ok, owner},
		"fchownat":      {"fchownat", ok, owner},
		"setxattr":      {"setxattr", "ERANGE", attribute},
		"lsetxattr":     {"lsetxattr", "ERANGE", attribute},
		"removexattr":   {"removexattr", "ERANGE", attribute},
		"lremovexattr":  {"lremovexattr", "ERANGE", attribute},
		"fsetxattr":     {"fsetxattr", "ERANGE", ofDescriptor},
		"fremovexattr":  {"fremovexattr", "ERANGE", ofDescriptor},
		"setxattrat":    {"setxattrat", "ERANGE", attribute},
		"removexattrat": {"removexattrat", "ERANGE", attribute},

		"mount":         {"mount", ok, values{"fs.path.sourceraw": "none", "fs.path.target": "DIR/sub", "evt.arg.type": "tmpfs", "evt.arg.flags": "NOSUID"}},
		"umount":        {"umount", ok, values{"fs.path.name": "DIR/sub"}},
		"fsopen":        {"fsopen", ok, values{"evt.arg.fsname": "tmpfs", "evt.arg.flags": "FSOPEN_CLOEXEC", "fd.num": "*"}},
		"fsconfig":      {"fsconfig", ok, values{"evt.arg.cmd": "FSCONFIG_SET_STRING", "evt.arg.key": "size", "evt.arg.value_charbuf": "1m"}},
		"fsmount":       {"fsmount", ok, values{"fd.num": "*"}},
		"fspick":        {"fspick", ok, values{"evt.arg.path": "DIR/sub", "fd.name": "[fscontext]"}},
		"mount_setattr": {"mount_setattr", ok, values{"evt.arg.path": "DIR/sub"}},
		"umount2":       {"umount2", ok, values{"fs.path.name": "DIR/sub", "evt.arg.flags": "DETACH"}},
		"move_mount":    {"move_mount", ok, values{"evt.arg.newpath": "DIR/sub", "evt.rawres": "0"}},
		"pivot_root":    {"pivot_root", ok, values{"evt.arg.newroot": "/oldDIR/sub", "evt.arg.putold": "/oldDIR/sub/old"}},
	}
}

func descriptorEvents() map[string]eventCase {
	copied := values{"fd.name": "DIR/file", "fd.type": "file", "evt.arg.oldfd": "<f>DIR/file"}
	return map[string]eventCase{
		"close":           {"close", ok, values{"evt.rawres": "0"}},
		"close_bad":       {"close", "EBADF", values{"evt.rawres": "-9", "fd.num": "99"}},
		"dup":             {"dup", ok, copied},
		"dup2":            {"dup2", ok, values{"fd.name": "DIR/file", "evt.rawres": "31", "fd.num": "31"}},
		"dup3":            {"dup3", ok, values{"fd.name": "DIR/file", "evt.rawres": "31", "evt.arg.flags": "O_CLOEXEC"}},
		"fcntl":           {"fcntl", ok, values{"fd.name": "DIR/file", "evt.rawres": "40", "evt.arg.cmd": "F_DUPFD_CLOEXEC", "evt.arg.fd": "<f>DIR/file"}},
		"close_range":     {"close_range", ok, values{"evt.arg.first": "40", "evt.arg.last": "50"}},
		"pipe":            {"pipe", ok, values{"fd.type": "pipe", "fd.num": "*", "evt.arg.ino": "*", "evt.arg.fd2": "<p>"}},
		"pipe2":           {"pipe2", ok, values{"fd.type": "pipe", "fd.num": "*", "evt.arg.flags": "O_CLOEXEC"}},
		"eventfd":         {"eventfd", ok, values{"fd.type": "event", "evt.arg.initval": "7"}},
		"eventfd2":        {"eventfd2", ok, values{"fd.type": "event", "evt.arg.initval": "7", "evt.arg.flags": "O_CLOEXEC"}},
		"signalfd":        {"signalfd", ok, values{"fd.type": "signalfd"}},
		"signalfd4":       {"signalfd4", ok, values{"fd.type": "signalfd", "evt.arg.flags": "O_CLOEXEC"}},
		"timerfd_create":  {"timerfd_create", ok, values{"fd.type": "timerfd", "evt.arg.clockid": "1"}},
		"epoll_create":    {"epoll_create", ok, values{"fd.type": "eventpoll", "evt.arg.size": "1"}},
		"epoll_create1":   {"epoll_create1", ok, values{"fd.type": "eventpoll", "evt.arg.flags": "EPOLL_CLOEXEC"}},
		"inotify_init":    {"inotify_init", ok, values{"fd.type": "inotify"}},
		"inotify_init1":   {"inotify_init1", ok, values{"fd.type": "inotify", "evt.arg.flags": "O_CLOEXEC"}},
		"pidfd_open":      {"pidfd_open", ok, values{"fd.type": "pidfd", "fd.name": "*", "evt.arg.pid": "*"}},
		"pidfd_getfd":     {"pidfd_getfd", ok, values{"fd.name": "DIR/file", "fd.type": "file"}},
		"memfd_secret":    {"memfd_secret", "*", values{"fd.num": "*"}},
		"memfd_create":    {"memfd_create", ok, values{"fd.name": "*", "fd.type": "memfd", "evt.arg.name": "payload", "evt.arg.flags": "MFD_CLOEXEC"}},
		"userfaultfd":     {"userfaultfd", ok, values{"fd.type": "userfaultfd", "evt.arg.flags": "*"}},
		"perf_event_open": {"perf_event_open", ok, values{"fd.num": "*"}},
		"io_uring_setup":  {"io_uring_setup", ok, values{"fd.type": "io_uring", "evt.arg.entries": "4"}},
		"bpf":             {"bpf", ok, values{"fd.type": "bpf", "evt.arg.cmd": "BPF_MAP_CREATE"}},
	}
}

func socketEvents() map[string]eventCase {
	return map[string]eventCase{
		"socket":          {"socket", ok, values{"evt.arg.domain": "AF_INET", "evt.arg.type": "1", "fd.type": "ipv4"}},
		"recvmsg_passed":  {"recvmsg", ok, values{"fd.passed": "DIR/file", "fd.type": "unix", "evt.buflen": "5"}},
		"recvmsg_32":      {"recvmsg", ok, values{"fd.passed": "DIR/file", "fd.type": "unix", "evt.buflen": "5"}},
		"recvmmsg":        {"recvmmsg", ok, values{"fd.passed": "DIR/file", "fd.type": "unix", "evt.rawres": "1", "evt.buflen": "5", "evt.arg.data": "hello"}},
		"recvmmsg_32":     {"recvmmsg", ok, values{"fd.passed": "DIR/file", "fd.type": "unix", "evt.rawres": "1", "evt.buflen": "5", "evt.arg.data": "hello"}},
		"sendmmsg":        {"sendmmsg", ok, values{"fd.sip": "127.0.0.1", "fd.l4proto": "tcp", "evt.rawres": "2", "evt.buflen": "5", "evt.arg.data": "hello"}},
		"shutdown":        {"shutdown", ok, values{"fd.sip": "127.0.0.1", "fd.l4proto": "tcp", "evt.arg.how": "SHUT_WR"}},
		"socketpair":      {"socketpair", ok, values{"evt.arg.domain": "AF_LOCAL|AF_UNIX", "evt.rawres": "0"}},
		"bind":            {"bind", ok, values{"evt.arg.addr": "127.0.0.1:10025", "fd.sport": "10025", "fd.sip": "127.0.0.1", "fd.l4proto": "udp"}},
		"listen":          {"listen", ok, values{"evt.arg.backlog": "7", "fd.sip": "127.0.0.1", "fd.sport": "*"}},
		"accept":          {"accept", ok, values{"fd.type": "ipv4", "fd.cip": "127.0.0.1", "fd.sip": "127.0.0.1", "fd.cport": "*", "fd.sport": "*", "fd.l4proto": "tcp"}},
		"accept4":         {"accept4", ok, values{"fd.type": "ipv4", "fd.cip": "127.0.0.1", "fd.sip": "127.0.0.1", "evt.arg.flags": "*", "fd.is_server": "true"}},
		"connect":         {"connect", ok, values{"evt.rawres": "0", "fd.sip": "127.0.0.1", "fd.sport": "*", "fd.l4proto": "tcp", "fd.cip": "127.0.0.1"}},
		"connect_refused": {"connect", "ECONNREFUSED", values{"evt.rawres": "-111", "fd.sip": "127.0.0.1", "fd.sport": "*"}},
		"connect_unix":    {"connect", ok, values{"fd.type": "unix", "fd.name": "*"}},
		"sendto":          {"sendto", ok, values{"evt.rawres": "5", "evt.buffer": "hello", "evt.arg.data": "hello", "fd.sip": "127.0.0.1", "fd.l4proto": "tcp"}},
		"sendmsg":         {"sendmsg", ok, values{"evt.rawres": "5", "evt.arg.data": "hello", "fd.sip": "127.0.0.1"}},
		"recvfrom":        {"recvfrom", ok, values{"evt.rawres": "5", "evt.arg.data": "hello", "fd.l4proto": "udp", "fd.sport": "*"}},
		"recvmsg":         {"recvmsg", ok, values{"evt.rawres": "5", "evt.arg.data": "hello", "fd.l4proto": "udp", "fd.sport": "*"}},
	}
}

func taskEvents() map[string]eventCase {
	return map[string]eventCase{
		"execve":              {"execve", ok, values{"evt.rawres": "0", "proc.exe": "again", "proc.cmdline": "exe execve", "proc.env[K]": "V", "proc.name": "exe", "proc.pname": "*", "proc.cwd": "DIR/"}},
		"execve_missing":      {"execve", "ENOENT", values{"evt.rawres": "-2", "evt.arg.filename": "missing", "proc.name": "events"}},
		"execveat_missing":    {"execveat", "ENOENT", values{"evt.rawres": "-2", "evt.arg.filename": "missing"}},
		"procexit":            {"procexit", null, values{"evt.arg.ret": "7", "evt.arg.status": "1792"}},
		"clone in the parent": {"clone", ok, values{"evt.rawres": "*", "evt.arg.flags": "0"}},
		"clone in the child":  {"clone", ok, values{"evt.rawres": "0", "proc.pname": "events"}},
		"clone3":              {"clone3", ok, values{"evt.rawres": "0", "evt.arg.flags": "CLONE_NEWUTS", "proc.pname": "events"}},
		"fork":                {"fork", ok, values{"evt.rawres": "0", "proc.pname": "events"}},
		"vfork":               {"vfork", ok, values{"evt.rawres": "*", "evt.arg.flags": "CLONE_VM|CLONE_VFORK"}},
		"chdir":               {"chdir", ok, values{"evt.arg.path": "DIR/sub", "proc.cwd": "DIR/sub/"}},
		"fchdir":              {"fchdir", ok, values{"fd.name": "DIR/sub", "proc.cwd": "DIR/sub/"}},
		"chroot":              {"chroot", ok, values{"evt.arg.path": "DIR/sub"}},
		"prctl":               {"prctl", ok, values{"evt.arg.option": "PR_SET_NAME", "evt.arg.arg2_str": "kworker/0:1", "proc.exepath": "*"}},
		"setsid":              {"setsid", ok, values{"evt.rawres": "*", "proc.pname": "events"}},
		"setpgid":             {"setpgid", ok, values{"evt.rawres": "0"}},
		"setuid":              {"setuid", ok, values{"evt.arg.uid": "*", "user.uid": "1000"}},
		"setgid":              {"setgid", ok, values{"evt.arg.gid": "*", "group.gid": "7"}},
		"setreuid":            {"setreuid", ok, values{"evt.arg.ruid": "*", "evt.arg.euid": "*", "user.uid": "2"}},
		"setregid":            {"setregid", ok, values{"evt.arg.rgid": "*", "evt.arg.egid": "*", "group.gid": "2"}},
		"setresuid":           {"setresuid", ok, values{"evt.arg.ruid": "*", "evt.arg.euid": "*", "evt.arg.suid": "*", "user.uid": "2"}},
		"setresgid":           {"setresgid", ok, values{"evt.arg.rgid": "*", "evt.arg.egid": "*", "evt.arg.sgid": "*", "group.gid": "2"}},
		"setfsuid":            {"setfsuid", ok, values{"evt.rawres": "0", "evt.arg.uid": "*", "user.uid": "0"}},
		"setfsgid":            {"setfsgid", ok, values{"evt.rawres": "0", "evt.arg.gid": "*"}},
		"setgroups":           {"setgroups", ok, values{"evt.arg.size": "2"}},
		"capset":              {"capset", ok, values{"evt.arg.cap_effective": "CAP_CHOWN", "evt.arg.cap_permitted": "CAP_CHOWN", "evt.arg.cap_inheritable": "", "thread.cap_effective": "CAP_CHOWN"}},
		"setns":               {"setns", ok, values{"evt.arg.nstype": "CLONE_NEWUTS", "evt.arg.fd": "*"}},
		"unshare":             {"unshare", ok, values{"evt.arg.flags": "CLONE_NEWIPC|CLONE_NEWUTS"}},
	}
}

// systemEvents act on other tasks and on the kernel.
func systemEvents() map[string]eventCase {
	return map[string]eventCase{
		"kill":              {"kill", ok, values{"evt.arg.pid": "*", "evt.arg.sig": "0"}},
		"kill_nobody":       {"kill", "ESRCH", values{"evt.arg.pid": "1073741824", "evt.arg.sig": "SIGKILL"}},
		"tkill":             {"tkill", ok, values{"evt.arg.tid": "*", "evt.arg.sig": "SIGCHLD"}},
		"tgkill":            {"tgkill", ok, values{"evt.arg.pid": "*", "evt.arg.tid": "*", "evt.arg.sig": "SIGCHLD"}},
		"pidfd_send_signal": {"pidfd_send_signal", ok, values{"evt.arg.pidfd": "*", "evt.arg.sig": "SIGCHLD"}},
		"ptrace":            {"ptrace", ok, values{"evt.arg.request": "PTRACE_TRACEME"}},
		"ptrace_nobody":     {"ptrace", "ESRCH", values{"evt.arg.request": "PTRACE_ATTACH", "evt.arg.pid": "1073741824"}},
		"process_vm_readv":  {"process_vm_readv", ok, values{"evt.rawres": "5", "evt.arg.pid": "*"}},
		"process_vm_writev": {"process_vm_writev", ok, values{"evt.rawres": "5", "evt.arg.pid": "*"}},
		"init_module":       {"init_module", "*", values{"evt.failed": "true", "evt.arg.uargs": "b=2", "evt.arg.length": "0"}},
		"finit_module":      {"finit_module", "*", values{"evt.failed": "true", "fd.name": "DIR/file", "evt.arg.uargs": "a=1"}},
		"delete_module":     {"delete_module", "*", values{"evt.failed": "true", "evt.arg.name": "nosuch_module"}},
		"keyctl":            {"keyctl", "ENOKEY", values{}},
	}
}
