package sensor

import (
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// nativeNumbers are the 64-bit calls. x32's differ only by a bit, which the kernel side clears.
func nativeNumbers() []number {
	return []number{
		{unix.SYS_OPEN, pipeline.EventOpen},
		{unix.SYS_OPENAT, pipeline.EventOpenat},
		{unix.SYS_OPENAT2, pipeline.EventOpenat2},
		{unix.SYS_CREAT, pipeline.EventCreat},
		{unix.SYS_CONNECT, pipeline.EventConnect},
		{unix.SYS_RENAME, pipeline.EventRename},
		{unix.SYS_RENAMEAT, pipeline.EventRenameat},
		{unix.SYS_RENAMEAT2, pipeline.EventRenameat2},
		{unix.SYS_LINK, pipeline.EventLink},
		{unix.SYS_LINKAT, pipeline.EventLinkat},
		{unix.SYS_SYMLINK, pipeline.EventSymlink},
		{unix.SYS_SYMLINKAT, pipeline.EventSymlinkat},
		{unix.SYS_UNLINK, pipeline.EventUnlink},
		{unix.SYS_UNLINKAT, pipeline.EventUnlinkat},
		{unix.SYS_RMDIR, pipeline.EventRmdir},
		{unix.SYS_MKDIR, pipeline.EventMkdir},
		{unix.SYS_MKDIRAT, pipeline.EventMkdirat},
		{unix.SYS_CHMOD, pipeline.EventChmod},
		{unix.SYS_FCHMOD, pipeline.EventFchmod},
		{unix.SYS_FCHMODAT, pipeline.EventFchmodat},
		{unix.SYS_FCHMODAT2, pipeline.EventFchmodat2},
		{unix.SYS_CHOWN, pipeline.EventChown},
		{unix.SYS_LCHOWN, pipeline.EventLchown},
		{unix.SYS_FCHOWN, pipeline.EventFchown},
		{unix.SYS_FCHOWNAT, pipeline.EventFchownat},
		{unix.SYS_MOUNT, pipeline.EventMount},
		{unix.SYS_PTRACE, pipeline.EventPtrace},
		{unix.SYS_SETUID, pipeline.EventSetuid},
		{unix.SYS_EXECVE, pipeline.EventExecveFailed},
		{unix.SYS_EXECVEAT, pipeline.EventExecveatFailed},
	}
}
