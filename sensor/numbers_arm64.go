package sensor

import (
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// nativeNumbers are the 64-bit calls; this architecture has only the ones that take a directory.
func nativeNumbers() []number {
	return []number{
		{unix.SYS_OPENAT, pipeline.EventOpenat},
		{unix.SYS_OPENAT2, pipeline.EventOpenat2},
		{unix.SYS_CONNECT, pipeline.EventConnect},
		{unix.SYS_RENAMEAT, pipeline.EventRenameat},
		{unix.SYS_RENAMEAT2, pipeline.EventRenameat2},
		{unix.SYS_LINKAT, pipeline.EventLinkat},
		{unix.SYS_SYMLINKAT, pipeline.EventSymlinkat},
		{unix.SYS_UNLINKAT, pipeline.EventUnlinkat},
		{unix.SYS_MKDIRAT, pipeline.EventMkdirat},
		{unix.SYS_FCHMOD, pipeline.EventFchmod},
		{unix.SYS_FCHMODAT, pipeline.EventFchmodat},
		{unix.SYS_FCHMODAT2, pipeline.EventFchmodat2},
		{unix.SYS_FCHOWN, pipeline.EventFchown},
		{unix.SYS_FCHOWNAT, pipeline.EventFchownat},
		{unix.SYS_MOUNT, pipeline.EventMount},
		{unix.SYS_PTRACE, pipeline.EventPtrace},
		{unix.SYS_SETUID, pipeline.EventSetuid},
		{unix.SYS_EXECVE, pipeline.EventExecveFailed},
		{unix.SYS_EXECVEAT, pipeline.EventExecveatFailed},
	}
}
