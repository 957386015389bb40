package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
)

// newEventsCommand lists what can happen.
func newEventsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List the events that rules can be about, and those of Falco that are not seen",
		Long: "events lists every event by the name that evt.type has: its subject, its arguments in the order in which\n" +
			"evt.arg[N] counts them, and by what it is seen. Then come the names that Falco knows and no event here has.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := eventList{Events: listEvents(), Unseen: listUnseen()}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			return list.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// eventList is what --json prints.
type eventList struct {
	Events []eventInfo   `json:"events"`
	Unseen []unseenEvent `json:"unseen"`
}

// eventInfo is what is told of an event.
type eventInfo struct {
	Name      string     `json:"name"`
	Category  string     `json:"category"`
	Result    bool       `json:"result"` // it has evt.rawres and evt.res
	Arguments []eventArg `json:"arguments"`
	Seen      []string   `json:"seen"` // scheduler, system call, io_uring
}

type eventArg struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Available bool   `json:"available"`
}

type unseenEvent struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Ways in which an event is seen.
const (
	bySchedulerOK = "scheduler, when it succeeded"
	byScheduler   = "scheduler"
	bySyscall     = "system call"
	bySyscallFail = "system call, when it failed"
	byUring       = "io_uring"
)

func listEvents() []eventInfo {
	calls, ring := sensor.Syscalls(), sensor.UringEvents()
	var events []eventInfo
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		var seen []string
		switch {
		case t == pipeline.EventExecve:
			seen = []string{bySchedulerOK}
		case t == pipeline.EventExit:
			seen = []string{byScheduler}
		case t == pipeline.EventExecveFailed, t == pipeline.EventExecveatFailed:
			seen = []string{bySyscallFail}
		case slices.Contains(calls, t):
			seen = []string{bySyscall}
		default: // for the process table alone, or not of this machine
			continue
		}
		if slices.Contains(ring, t) {
			seen = append(seen, byUring)
		}
		name := t.String()
		if i := slices.IndexFunc(events, func(e eventInfo) bool { return e.Name == name }); i >= 0 {
			events[i].Seen = append(events[i].Seen, seen...)
			continue
		}
		e := eventInfo{Name: name, Category: field.Category(t), Result: t != pipeline.EventExit, Arguments: []eventArg{}, Seen: seen}
		for _, a := range field.Args(t) {
			e.Arguments = append(e.Arguments, eventArg{a.Name, a.Type, a.Known})
		}
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b eventInfo) int { return strings.Compare(a.Name, b.Name) })
	return events
}

// listUnseen are Falco's other names, and what only another architecture has.
func listUnseen() []unseenEvent {
	seen := isReported()
	reasons := map[string]string{}
	for _, name := range filter.UnseenEvents() {
		reasons[name] = whyUnseen(name)
	}
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		if name := t.String(); t > pipeline.EventConnects && !seen(t) {
			reasons[name] = "this architecture has no such system call"
		}
	}
	for _, e := range listEvents() { // the name of one that is seen in another way
		delete(reasons, e.Name)
	}
	var all []unseenEvent
	for name, reason := range reasons {
		all = append(all, unseenEvent{name, reason})
	}
	slices.SortFunc(all, func(a, b unseenEvent) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// unseenReasons are why system calls make no event, where there is more to say than that they do not.
var unseenReasons = []struct{ reason, names string }{
	{"an event of Falco's own, not of the kernel", `container container_removed drop group_added group_deleted infra k8s notification
		pluginevent sysdigevent syscall tracer user_added user_deleted asyncevent`},
	{"an event of the scheduler or the memory management, too frequent for every node", "switch signaldeliver page_fault"},
	{"data of descriptors is not watched, which is most of what a machine does; the open or the connection is seen", `read write readv
		writev pread pread64 preadv preadv2 pwrite pwrite64 pwritev pwritev2 readahead sendfile splice tee vmsplice copy_file_range io_submit
		io_uring_enter fsync fdatasync sync syncfs sync_file_range lseek`},
	{"it only waits", `poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 futex futex_wait futex_wake futex_waitv futex_requeue
		nanosleep clock_nanosleep pause wait4 waitid waitpid rt_sigsuspend rt_sigtimedwait io_getevents io_pgetevents sched_yield
		mq_timedreceive msgrcv semop semtimedop restart_syscall`},
	{"it only asks", `access faccessat faccessat2 stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs
		fstatfs64 statmount listmount ustat readlink readlinkat getdents getdents64 getcwd getxattr lgetxattr fgetxattr listxattr llistxattr
		flistxattr getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgid getpgrp getsid getpriority
		getrlimit getrusage getrandom getcpu getitimer gettimeofday clock_gettime clock_getres time times uname sysinfo capget getsockname
		getpeername getsockopt sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_get_priority_max
		sched_get_priority_min sched_rr_get_interval get_mempolicy get_robust_list mincore timer_gettime timer_getoverrun timerfd_gettime
		rt_sigpending kcmp ioprio_get lookup_dcookie mq_getsetattr`},
}

func whyUnseen(name string) string {
	for _, r := range unseenReasons {
		if slices.Contains(strings.Fields(r.names), name) {
			return r.reason
		}
	}
	return "it is not collected"
}

func (l eventList) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range l.Events {
		var args []string
		for _, a := range e.Arguments {
			text := a.Name + ":" + a.Type
			if !a.Available {
				text = a.Name + ":null"
			}
			args = append(args, text)
		}
		result := "result"
		if !e.Result {
			result = "no result"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Name, e.Category, result, strings.Join(e.Seen, "; "), strings.Join(args, " ")) // Flush has the error
	}
	fmt.Fprint(w, "\nFalco knows these too; no rule sees one here:\n")
	for _, e := range l.Unseen {
		fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Reason)
	}
	return w.Flush()
}
