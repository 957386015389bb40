package field

import "slices"

// unavailableFields are known to Falco and always null here, each with the reason.
func unavailableFields() []Def {
	const (
		noPlugin   = "it needs Falco's k8smeta plugin, which is replaced by the runtime's own labels"
		noPlugins  = "Falco's plugins are not loaded"
		noMemory   = "use of memory and time is in no event, and what /proc says has changed by then"
		noTable    = "no table of all descriptors is kept: every event brings its own from the kernel"
		noThreads  = "threads of a process are not counted"
		noOwner    = "no event has the owner of a descriptor"
		noAsync    = "no event is made out of the order of system calls"
		noWaits    = "calls that only wait are not watched"
		noPoll     = "poll is not watched"
		noCaptures = "it picks a part of a capture, and rules are asked about every event"
	)
	around := withArg(NeedsKey, missing(Uint64, noCaptures, "evt.around"))
	around[0].FilterOnly, around[0].Plain = true, true
	return slices.Concat(
		around,
		missing(String, noPlugin, "k8s.rc.name", "k8s.rc.id", "k8s.svc.name", "k8s.svc.id", "k8s.rs.name", "k8s.rs.id",
			"k8s.deployment.name", "k8s.deployment.id", "k8s.ns.id", "k8s.ns.labels", "k8s.rc.labels", "k8s.svc.labels",
			"k8s.rs.labels", "k8s.deployment.labels"),
		withArg(NeedsKey, missing(String, noPlugin, "k8s.ns.label", "k8s.rc.label", "k8s.svc.label", "k8s.rs.label", "k8s.deployment.label")),
		missing(Uint64, noMemory, "proc.vmsize", "proc.vmrss", "proc.vmswap", "thread.pfmajor", "thread.pfminor", "thread.vmsize",
			"thread.vmrss", "thread.exectime", "thread.totexectime"),
		missing(Double, noMemory, "thread.cpu"),
		missing(Uint64, noThreads, "proc.nthreads", "proc.nchilds"),
		missing(Uint64, noTable, "proc.fdopencount"),
		missing(Int, noTable, "proc.fdlimit"),
		missing(Double, noTable, "proc.fdusage"),
		missing(String, noTable, "proc.stdin.type", "proc.stdin.name", "proc.stdout.type", "proc.stdout.name", "proc.stderr.type", "proc.stderr.name"),
		missing(Uint, noOwner, "fd.uid"),
		missing(String, noAsync, "evt.asynctype"),
		missing(String, noPlugins, "evt.pluginname", "evt.plugininfo"),
		missing(Duration, noWaits, "evt.wait_latency"),
		missing(String, noPoll, "fdlist.nums", "fdlist.names", "fdlist.cips", "fdlist.sips", "fdlist.cports", "fdlist.sports"),
	)
}

// withArg makes fields take an argument, in brackets or after a dot.
func withArg(kind ArgKind, defs []Def) []Def {
	for i := range defs {
		defs[i].Arg, defs[i].DotArg = kind, true
	}
	return defs
}
