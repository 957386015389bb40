package decode

import (
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// arg names a register of a system call, its result, or nothing.
type arg uint8

const (
	none arg = iota
	arg0
	arg1
	arg2
	arg3
	arg4
	arg5
	result
	first // of the two descriptors that the call returned in memory
)

// shape says what the arguments of a system call mean (the man page of each, section 2).
type shape struct {
	path       [2]arg // path strings
	dirfd      [2]arg // what a relative path starts from; none: the working directory
	str        arg    // a string that is no path
	flag, mode arg
	fd         arg // the descriptor the event is about; a directory's if it is also dirfd
}

// shapes has a row for every system call with more to it than its registers.
var shapes = [pipeline.NumEventTypes]shape{
	pipeline.EventOpen:           {path: [2]arg{arg0}, flag: arg1, mode: arg2, fd: result},
	pipeline.EventCreat:          {path: [2]arg{arg0}, mode: arg1, fd: result},
	pipeline.EventOpenat:         {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, mode: arg3, fd: result},
	pipeline.EventOpenat2:        {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, fd: result},
	pipeline.EventOpenByHandleAt: {flag: arg2, fd: result},
	pipeline.EventOpenTree:       {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, fd: result},

	pipeline.EventUnlink:    {path: [2]arg{arg0}},
	pipeline.EventUnlinkat:  {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, fd: arg0},
	pipeline.EventRmdir:     {path: [2]arg{arg0}},
	pipeline.EventMkdir:     {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventMkdirat:   {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, fd: arg0},
	pipeline.EventMknod:     {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventMknodat:   {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2},
	pipeline.EventRename:    {path: [2]arg{arg0, arg1}},
	pipeline.EventRenameat:  {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}},
	pipeline.EventRenameat2: {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventLink:      {path: [2]arg{arg0, arg1}},
	pipeline.EventLinkat:    {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventSymlink:   {str: arg0, path: [2]arg{arg1}},
	pipeline.EventSymlinkat: {str: arg0, path: [2]arg{arg2}, dirfd: [2]arg{arg1}, fd: arg1},

	pipeline.EventChmod:         {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventFchmod:        {fd: arg0, mode: arg1},
	pipeline.EventFchmodat:      {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, fd: arg0},
	pipeline.EventFchmodat2:     {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, flag: arg3, fd: arg0},
	pipeline.EventChown:         {path: [2]arg{arg0}},
	pipeline.EventLchown:        {path: [2]arg{arg0}},
	pipeline.EventFchown:        {fd: arg0},
	pipeline.EventFchownat:      {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg4, fd: arg0},
	pipeline.EventTruncate:      {path: [2]arg{arg0}},
	pipeline.EventFtruncate:     {fd: arg0},
	pipeline.EventSetxattrat:    {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, str: arg3},
	pipeline.EventRemovexattrat: {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, str: arg3},
	pipeline.EventSetxattr:      {path: [2]arg{arg0}, str: arg1, flag: arg4},
	pipeline.EventLsetxattr:     {path: [2]arg{arg0}, str: arg1, flag: arg4},
	pipeline.EventRemovexattr:   {path: [2]arg{arg0}, str: arg1},
	pipeline.EventLremovexattr:  {path: [2]arg{arg0}, str: arg1},

	pipeline.EventChdir:        {path: [2]arg{arg0}},
	pipeline.EventFchdir:       {fd: arg0},
	pipeline.EventChroot:       {path: [2]arg{arg0}},
	pipeline.EventMount:        {path: [2]arg{arg0, arg1}, str: arg2, flag: arg3},
	pipeline.EventUmount2:      {path: [2]arg{arg0}, flag: arg1},
	pipeline.EventUmount:       {path: [2]arg{arg0}},
	pipeline.EventFsopen:       {str: arg0, flag: arg1, fd: result},
	pipeline.EventFsconfig:     {str: arg2, path: [2]arg{arg3}, dirfd: [2]arg{arg4}, fd: arg0},
	pipeline.EventFsmount:      {flag: arg1, fd: result},
	pipeline.EventFspick:       {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, fd: result},
	pipeline.EventMountSetattr: {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2},
	pipeline.EventMoveMount:    {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventPivotRoot:    {path: [2]arg{arg0, arg1}},

	pipeline.EventExecveFailed:   {path: [2]arg{arg0}},
	pipeline.EventExecveatFailed: {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg4},

	pipeline.EventSocket:   {fd: result},
	pipeline.EventConnect:  {fd: arg0},
	pipeline.EventBind:     {fd: arg0},
	pipeline.EventListen:   {fd: arg0},
	pipeline.EventAccept:   {fd: result},
	pipeline.EventAccept4:  {fd: result, flag: arg3},
	pipeline.EventSendto:   {fd: arg0, flag: arg3},
	pipeline.EventSendmsg:  {fd: arg0, flag: arg2},
	pipeline.EventRecvfrom: {fd: arg0, flag: arg3},
	pipeline.EventRecvmsg:  {fd: arg0, flag: arg2},
	pipeline.EventSendmmsg: {fd: arg0, flag: arg3},
	pipeline.EventRecvmmsg: {fd: arg0, flag: arg3},
	pipeline.EventShutdown: {fd: arg0},

	pipeline.EventClose:           {fd: arg0},
	pipeline.EventDup:             {fd: result},
	pipeline.EventDup2:            {fd: result},
	pipeline.EventDup3:            {fd: result, flag: arg2},
	pipeline.EventFcntl:           {fd: result},
	pipeline.EventCloseRange:      {flag: arg2},
	pipeline.EventPipe:            {fd: first},
	pipeline.EventPipe2:           {fd: first, flag: arg1},
	pipeline.EventEventfd:         {fd: result},
	pipeline.EventEventfd2:        {fd: result, flag: arg1},
	pipeline.EventSignalfd:        {fd: result},
	pipeline.EventSignalfd4:       {fd: result, flag: arg3},
	pipeline.EventTimerfdCreate:   {fd: result, flag: arg1},
	pipeline.EventEpollCreate:     {fd: result},
	pipeline.EventEpollCreate1:    {fd: result, flag: arg0},
	pipeline.EventInotifyInit:     {fd: result},
	pipeline.EventInotifyInit1:    {fd: result, flag: arg0},
	pipeline.EventPidfdOpen:       {fd: result, flag: arg1},
	pipeline.EventPidfdGetfd:      {fd: result, flag: arg2},
	pipeline.EventMemfdSecret:     {fd: result, flag: arg0},
	pipeline.EventMemfdCreate:     {str: arg0, flag: arg1, fd: result},
	pipeline.EventBpf:             {fd: result},
	pipeline.EventUserfaultfd:     {flag: arg0, fd: result},
	pipeline.EventPerfEventOpen:   {flag: arg4, fd: result},
	pipeline.EventIoUringSetup:    {fd: result},
	pipeline.EventPidfdSendSignal: {fd: arg0, flag: arg3},

	pipeline.EventInitModule:   {str: arg2},
	pipeline.EventFinitModule:  {fd: arg0, str: arg1, flag: arg2},
	pipeline.EventDeleteModule: {str: arg0, flag: arg1},
	pipeline.EventSetns:        {fd: arg0, flag: arg1},
	pipeline.EventFsetxattr:    {fd: arg0, str: arg1, flag: arg4},
	pipeline.EventFremovexattr: {fd: arg0, str: arg1},
	pipeline.EventUnshare:      {flag: arg0},
}

// value is the register or result that a names; 0 for none.
func value(ev *pipeline.Event, a arg) uint64 {
	switch a {
	case none:
		return 0
	case result:
		return uint64(ev.Ret)
	case first:
		return uint64(ev.Pair[0])
	default:
		return ev.Args[a.index()]
	}
}

// index is the number of the argument that a names, as chunks have it.
func (a arg) index() uint8 { return uint8(a - arg0) }

// fromCWD reports whether a relative path starts from the working directory. Descriptors are 32 bits of
// their register.
func fromCWD(ev *pipeline.Event, dirfd arg) bool {
	return dirfd == none || int32(value(ev, dirfd)) == unix.AT_FDCWD
}
