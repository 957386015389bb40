package field

import "github.com/tocsin-security/tocsin/pipeline"

// The tables below name the arguments of each call in Falco's order, which evt.arg[N] counts by.

// What many calls have.
var (
	res       = argument{"res", result}
	created   = argument{"fd", newFD}
	dirfd     = argument{"dirfd", handle(0)}
	openFlag  = argument{"flags", built(appendOpenFlags)}
	chmodArg  = argument{"mode", chmodMode}
	device    = argument{"dev", fileDevice}
	inode     = argument{"ino", fileInode}
	firstPath = argument{"path", path(0)}
)

func openArguments(set setArguments) {
	name, mode := argument{"name", path(0)}, argument{"mode", octalMode}
	set([]argument{created, name, openFlag, mode, device, inode}, pipeline.EventOpen)
	set([]argument{created, dirfd, name, openFlag, mode, device, inode}, pipeline.EventOpenat)
	set([]argument{created, dirfd, name, openFlag, mode, {"resolve", notKnown}, device, inode}, pipeline.EventOpenat2)
	set([]argument{created, name, mode, device, inode, {"creat_flags", built(appendCreateFlags)}}, pipeline.EventCreat)
	set([]argument{created, {"mountfd", handle(0)}, openFlag, {"path", openedPath}, device, inode}, pipeline.EventOpenByHandleAt)
	set([]argument{created, dirfd, name, {"flags", flags(2, nil)}}, pipeline.EventOpenTree)
}

func fileArguments(set setArguments) {
	old, renamed := argument{"oldpath", path(0)}, argument{"newpath", path(1)}
	user, group := argument{"uid", integer(1)}, argument{"gid", integer(2)}
	set([]argument{res, firstPath}, pipeline.EventUnlink, pipeline.EventRmdir, pipeline.EventChdir, pipeline.EventChroot)
	set([]argument{res, dirfd, {"name", path(0)}, {"flags", flags(2, unlinkFlags)}}, pipeline.EventUnlinkat)
	set([]argument{res, firstPath, {"mode", hexMode}}, pipeline.EventMkdir)
	set([]argument{res, dirfd, firstPath, {"mode", hexMode}}, pipeline.EventMkdirat)
	set([]argument{res, firstPath, {"mode", octalMode}, {"dev", integer(2)}}, pipeline.EventMknod)
	set([]argument{res, dirfd, firstPath, {"mode", octalMode}, {"dev", integer(3)}}, pipeline.EventMknodat)
	set([]argument{res, old, renamed}, pipeline.EventRename, pipeline.EventLink)
	set([]argument{res, {"olddirfd", handle(0)}, old, {"newdirfd", handle(2)}, renamed}, pipeline.EventRenameat)
	set([]argument{res, {"olddirfd", handle(0)}, old, {"newdirfd", handle(2)}, renamed, {"flags", flags(4, renameFlags)}}, pipeline.EventRenameat2)
	set([]argument{res, {"olddir", handle(0)}, old, {"newdir", handle(2)}, renamed, {"flags", flags(4, linkFlags)}}, pipeline.EventLinkat)
	set([]argument{res, {"target", plain}, {"linkpath", path(0)}}, pipeline.EventSymlink)
	set([]argument{res, {"target", plain}, {"linkdirfd", handle(1)}, {"linkpath", path(0)}}, pipeline.EventSymlinkat)
	set([]argument{res, {"filename", path(0)}, chmodArg}, pipeline.EventChmod)
	set([]argument{res, {"fd", handle(0)}, chmodArg}, pipeline.EventFchmod)
	set([]argument{res, dirfd, {"filename", path(0)}, chmodArg}, pipeline.EventFchmodat, pipeline.EventFchmodat2)
	set([]argument{res, firstPath, user, group}, pipeline.EventChown, pipeline.EventLchown)
	set([]argument{res, {"fd", handle(0)}, user, group}, pipeline.EventFchown)
	set([]argument{res, dirfd, {"pathname", path(0)}, {"uid", integer(2)}, {"gid", integer(3)}, {"flags", flags(4, nil)}}, pipeline.EventFchownat)
	set([]argument{res, {"dev", rawPath(0)}, {"dir", path(1)}, {"type", plain}, {"flags", flags(3, mountFlags)}}, pipeline.EventMount)
	set([]argument{res, {"name", path(0)}}, pipeline.EventUmount)
	set([]argument{res, {"name", path(0)}, {"flags", flags(1, umountFlags)}}, pipeline.EventUmount2)
	set([]argument{created, {"fsname", plain}, {"flags", flags(1, fsopenFlags)}}, pipeline.EventFsopen)
	set([]argument{res, {"fd", handle(0)}, {"cmd", named(1, fsconfigCommands)}, {"key", plain}, {"value_bytebuf", notKnown},
		{"value_charbuf", rawPath(0)}, {"aux", integer(4)}}, pipeline.EventFsconfig)
	set([]argument{created, {"fs_fd", handle(0)}, {"flags", flags(1, nil)}, {"attr_flags", flags(2, nil)}}, pipeline.EventFsmount)
	set([]argument{created, dirfd, firstPath, {"flags", flags(2, nil)}}, pipeline.EventFspick)
	set([]argument{res, dirfd, firstPath, {"flags", flags(2, nil)}}, pipeline.EventMountSetattr, pipeline.EventSetxattrat, pipeline.EventRemovexattrat)
	set([]argument{res, firstPath}, pipeline.EventTruncate, pipeline.EventSetxattr, pipeline.EventLsetxattr,
		pipeline.EventRemovexattr, pipeline.EventLremovexattr)
	set([]argument{res, {"fd", handle(0)}}, pipeline.EventFtruncate, pipeline.EventFchdir, pipeline.EventFsetxattr, pipeline.EventFremovexattr)
	set([]argument{res, {"newroot", path(0)}, {"putold", path(1)}}, pipeline.EventPivotRoot)
	set([]argument{res, {"fromdirfd", handle(0)}, old, {"todirfd", handle(2)}, renamed, {"flags", flags(4, nil)}}, pipeline.EventMoveMount)
}

// taskArguments are of the calls that make and replace processes, all of which tell what the process is.
func taskArguments(set setArguments) {
	who := []argument{res, {"exe", ofOwn(exe)}, {"args", ofOwn(args)}, {"tid", threadID}, {"pid", processID}, {"ptid", parentID},
		{"cwd", ofOwn(cwd)}, {"fdlimit", notKnown}, {"pgft_maj", notKnown}, {"pgft_min", notKnown}, {"vm_size", notKnown},
		{"vm_rss", notKnown}, {"vm_swap", notKnown}, {"comm", ofOwn(comm)}, {"cgroups", cgroups}}
	made := append(who[:len(who):len(who)], argument{"flags", built(appendCloneFlags)},
		argument{"uid", ownID(func(p *pipeline.Process) int64 { return int64(p.EUID) })},
		argument{"gid", ownID(func(p *pipeline.Process) int64 { return int64(p.GID) })},
		argument{"vtid", ownID(func(p *pipeline.Process) int64 { return int64(p.VTID) })},
		argument{"vpid", ownID(func(p *pipeline.Process) int64 { return int64(p.VPID) })},
		argument{"pidns_init_start_ts", ownID(func(p *pipeline.Process) int64 { return p.PidNSStart })})
	set(made, pipeline.EventClone, pipeline.EventCloneCall, pipeline.EventClone3, pipeline.EventFork, pipeline.EventVfork)
	replaced := append(who[:len(who):len(who)], argument{"env", ofOwn(env)}, argument{"tty", terminal},
		argument{"vpgid", ownID(func(p *pipeline.Process) int64 { return int64(p.VPGID) })},
		argument{"loginuid", ownID(func(p *pipeline.Process) int64 { return int64(int32(p.LoginUID)) })},
		argument{"flags", built(appendExeFlags)},
		argument{"cap_inheritable", capabilities(func(p *pipeline.Process) uint64 { return p.CapInheritable })},
		argument{"cap_permitted", capabilities(func(p *pipeline.Process) uint64 { return p.CapPermitted })},
		argument{"cap_effective", capabilities(func(p *pipeline.Process) uint64 { return p.CapEffective })},
		argument{"exe_ino", ownID(func(p *pipeline.Process) int64 { return int64(p.ExeIno) })},
		argument{"exe_ino_ctime", ownID(func(p *pipeline.Process) int64 { return p.ExeCtime })},
		argument{"exe_ino_mtime", ownID(func(p *pipeline.Process) int64 { return p.ExeMtime })},
		argument{"uid", effectiveUser}, argument{"trusted_exepath", ofOwn(exePath)},
		argument{"pgid", ownID(func(p *pipeline.Process) int64 { return int64(p.PGID) })},
		argument{"gid", ownID(func(p *pipeline.Process) int64 { return int64(p.GID) })},
		argument{"filename", execName})
	set(replaced, pipeline.EventExecve, pipeline.EventExecveFailed, pipeline.EventExecveatFailed)
	set([]argument{{"status", exitStatus}, {"ret", exitCode}, {"sig", exitSignal}}, pipeline.EventExit)
	set([]argument{res, {"addr", hexRegister(2)}, {"data", hexRegister(3)}, {"request", named(0, ptraceRequests)}, {"pid", processName(1)}}, pipeline.EventPtrace)
	set([]argument{res, {"pid", processName(0)}, {"sig", signal(1)}}, pipeline.EventKill)
	set([]argument{res, {"tid", processName(0)}, {"sig", signal(1)}}, pipeline.EventTkill)
	set([]argument{res, {"pid", processName(0)}, {"tid", processName(1)}, {"sig", signal(2)}}, pipeline.EventTgkill)
	set([]argument{res, {"pidfd", handle(0)}, {"sig", signal(1)}}, pipeline.EventPidfdSendSignal)
	set([]argument{res, {"pid", processName(0)}}, pipeline.EventProcessVMReadv, pipeline.EventProcessVMWritev)
	set([]argument{res, {"fd", handle(0)}, {"nstype", flags(1, cloneFlags)}}, pipeline.EventSetns)
	set([]argument{res, {"flags", flags(0, cloneFlags)}}, pipeline.EventUnshare)
	set([]argument{res, {"option", named(0, prctlOptions)}, {"arg2_str", plain}, {"arg2_int", integer(1)}}, pipeline.EventPrctl)
	set([]argument{res, {"img", empty}, {"length", integer(1)}, {"uargs", plain}}, pipeline.EventInitModule)
	set([]argument{res, {"fd", handle(0)}, {"uargs", plain}, {"flags", flags(2, moduleFlags)}}, pipeline.EventFinitModule)
	set([]argument{res, {"name", plain}, {"flags", flags(1, deleteModuleFlags)}}, pipeline.EventDeleteModule)
}

// identityArguments are of the calls that change who a process is.
func identityArguments(set setArguments) {
	set([]argument{res, {"uid", userID(0)}}, pipeline.EventSetuid)
	set([]argument{res, {"ruid", userID(0)}, {"euid", userID(1)}}, pipeline.EventSetreuid)
	set([]argument{res, {"ruid", userID(0)}, {"euid", userID(1)}, {"suid", userID(2)}}, pipeline.EventSetresuid)
	set([]argument{res, {"gid", groupID(0)}}, pipeline.EventSetgid)
	set([]argument{res, {"rgid", groupID(0)}, {"egid", groupID(1)}}, pipeline.EventSetregid)
	set([]argument{res, {"rgid", groupID(0)}, {"egid", groupID(1)}, {"sgid", groupID(2)}}, pipeline.EventSetresgid)
	set([]argument{res, {"uid", userID(0)}}, pipeline.EventSetfsuid)
	set([]argument{res, {"gid", groupID(0)}}, pipeline.EventSetfsgid)
	set([]argument{res, {"size", integer(0)}}, pipeline.EventSetgroups)
	set([]argument{res}, pipeline.EventSetsid)
	set([]argument{res, {"pid", processName(0)}, {"pgid", integer(1)}}, pipeline.EventSetpgid)
	set([]argument{res, {"cap_inheritable", capabilities(func(p *pipeline.Process) uint64 { return p.CapInheritable })},
		{"cap_permitted", capabilities(func(p *pipeline.Process) uint64 { return p.CapPermitted })},
		{"cap_effective", capabilities(func(p *pipeline.Process) uint64 { return p.CapEffective })}}, pipeline.EventCapset)
}

func descriptorArguments(set setArguments) {
	set([]argument{res, {"fd", handle(0)}}, pipeline.EventClose)
	set([]argument{{"res", newFD}, {"oldfd", sameFile(0)}}, pipeline.EventDup)
	set([]argument{{"res", newFD}, {"oldfd", sameFile(0)}, {"newfd", sameFile(1)}}, pipeline.EventDup2)
	set([]argument{{"res", newFD}, {"oldfd", sameFile(0)}, {"newfd", sameFile(1)}, {"flags", built(appendCloexec(2))}}, pipeline.EventDup3)
	set([]argument{{"res", newFD}, {"fd", sameFile(0)}, {"cmd", named(1, fcntlCommands)}}, pipeline.EventFcntl)
	set([]argument{res, {"first", descriptor(0)}, {"last", descriptor(1)}, {"flags", flags(2, closeRangeFlags)}}, pipeline.EventCloseRange)
	pipe := []argument{res, {"fd1", pipeEnd(0)}, {"fd2", pipeEnd(1)}, {"ino", fileInode}}
	set(pipe, pipeline.EventPipe)
	set(append(pipe[:len(pipe):len(pipe)], argument{"flags", flags(1, descriptorFlags)}), pipeline.EventPipe2)
	set([]argument{{"res", newFD}, {"initval", descriptor(0)}, {"flags", notKnown}}, pipeline.EventEventfd)
	set([]argument{{"res", newFD}, {"flags", flags(1, eventfdFlags)}, {"initval", descriptor(0)}}, pipeline.EventEventfd2)
	set([]argument{{"res", newFD}, {"fd", handle(0)}, {"mask", notKnown}, {"flags", notKnown}}, pipeline.EventSignalfd)
	set([]argument{{"res", newFD}, {"flags", flags(3, descriptorFlags)}, {"fd", handle(0)}, {"mask", notKnown}}, pipeline.EventSignalfd4)
	set([]argument{{"res", newFD}, {"clockid", integer(0)}, {"flags", flags(1, timerfdFlags)}}, pipeline.EventTimerfdCreate)
	set([]argument{res, {"size", integer(0)}}, pipeline.EventEpollCreate)
	set([]argument{res, {"flags", flags(0, epollFlags)}}, pipeline.EventEpollCreate1)
	set([]argument{{"res", newFD}, {"flags", notKnown}}, pipeline.EventInotifyInit)
	set([]argument{{"res", newFD}, {"flags", flags(0, descriptorFlags)}}, pipeline.EventInotifyInit1)
	set([]argument{{"res", newFD}, {"pid", processName(0)}, {"flags", flags(1, pidfdFlags)}}, pipeline.EventPidfdOpen)
	set([]argument{created, {"pid_fd", handle(0)}, {"target_fd", handle(1)}, {"flags", flags(2, nil)}}, pipeline.EventPidfdGetfd)
	set([]argument{created, {"flags", built(appendCloexec(0))}}, pipeline.EventMemfdSecret)
	set([]argument{created, {"cmd", bpfCommand}}, pipeline.EventBpf)
	set([]argument{created, {"name", plain}, {"flags", flags(1, memfdFlags)}}, pipeline.EventMemfdCreate)
	set([]argument{res, {"flags", built(appendCloexec(0))}}, pipeline.EventUserfaultfd)
	set([]argument{res, {"entries", integer(0)}}, pipeline.EventIoUringSetup)
}

func socketArguments(set setArguments) {
	fd, tuple, data := argument{"fd", handle(0)}, argument{"tuple", address}, argument{"data", payload}
	size := argument{"size", integer(2)}
	set([]argument{created, {"domain", named(0, socketDomains)}, {"type", socketType}, {"proto", integer(2)}, {"flags", built(appendCloexec(1))}}, pipeline.EventSocket)
	set([]argument{res, {"domain", named(0, socketDomains)}, {"type", socketType}, {"proto", integer(2)}}, pipeline.EventSocketpair)
	set([]argument{res, tuple, fd, {"addr", address}}, pipeline.EventConnect)
	set([]argument{res, {"addr", address}, fd}, pipeline.EventBind)
	set([]argument{res, fd, {"backlog", integer(1)}}, pipeline.EventListen)
	accepted := []argument{created, tuple, {"queuepct", notKnown}, {"queuelen", notKnown}, {"queuemax", notKnown}}
	set(accepted, pipeline.EventAccept)
	set(append(accepted[:len(accepted):len(accepted)], argument{"flags", acceptFlags}), pipeline.EventAccept4)
	set([]argument{res, data, fd, size, tuple}, pipeline.EventSendto)
	set([]argument{res, data, fd, {"size", notKnown}, tuple}, pipeline.EventSendmsg)
	set([]argument{res, data, tuple, fd, size}, pipeline.EventRecvfrom)
	set([]argument{res, {"size", result}, data, tuple, {"msgcontrol", notKnown}, fd}, pipeline.EventRecvmsg)
	moved := argument{"size", movedBytes}
	set([]argument{res, fd, moved, data, tuple}, pipeline.EventSendmmsg)
	set([]argument{res, fd, moved, data, tuple, {"msgcontrol", notKnown}}, pipeline.EventRecvmmsg)
	set([]argument{res, fd, {"how", named(1, shutdownHow)}}, pipeline.EventShutdown)
}
