package field

import "slices"

// unavailableFields are known to Falco and always null here, each with the reason.
func unavailableFields() []Def {
	const (
		noDNS      = "there is no cache of resolved names"
		noMounts   = "mounts of containers are not collected"
		noPlugin   = "it needs Falco's k8smeta plugin, which is replaced by the runtime's own labels"
		noUsage    = "use of memory and descriptors is not collected"
		noNetwork  = "network settings of containers are not collected"
		notTracked = "it is not followed"
		noPoll     = "poll is not watched"
	)
	return slices.Concat(
		missing(String, noDNS, "fd.cip.name", "fd.sip.name", "fd.lip.name", "fd.rip.name"),
		missing(String, noDNS, "fd.proto", "fd.cproto", "fd.sproto", "fd.lproto", "fd.rproto"),
		withArg(NeedsKey, missing(String, noMounts, "container.mount", "container.mount.source", "container.mount.dest",
			"container.mount.mode", "container.mount.rdwr", "container.mount.propagation")),
		missing(String, noMounts, "container.mounts"),
		missing(String, noNetwork, "container.ip", "container.cni.json", "container.image.id", "container.labels", "k8s.pod.ip",
			"k8s.pod.cni.json", "k8s.pod.sandbox_id", "k8s.pod.full_sandbox_id", "k8s.pod.labels", "container.host_pid"),
		missing(Bool, noNetwork, "container.host_network", "container.host_ipc"),
		missing(String, noPlugin, "k8s.rc.name", "k8s.rc.id", "k8s.svc.name", "k8s.svc.id", "k8s.rs.name", "k8s.rs.id",
			"k8s.deployment.name", "k8s.deployment.id", "k8s.ns.id"),
		missing(Int, noUsage, "proc.nthreads", "proc.nchilds", "proc.fdopencount", "proc.fdlimit", "proc.vmsize", "proc.vmrss",
			"proc.vmswap", "thread.pfmajor", "thread.pfminor", "thread.vmsize", "thread.vmrss", "thread.exectime", "thread.totexectime"),
		missing(String, notTracked, "proc.stdin.type", "proc.stdin.name", "proc.stdout.type", "proc.stdout.name",
			"proc.stderr.type", "proc.stderr.name", "thread.cgroups", "user.homedir", "user.shell"),
		withArg(NeedsKey, missing(String, notTracked, "thread.cgroup")),
		withArg(MayKey, missing(String, notTracked, "fd.types", "evt.rawarg", "evt.type.is")),
		missing(Bool, notTracked, "evt.is_io", "evt.is_io_read",
			"evt.is_io_write", "evt.is_wait", "evt.is_syslog", "evt.is_async"),
		missing(Uint, notTracked, "fd.uid"),
		missing(String, notTracked, "evt.category", "evt.info", "evt.io_dir", "evt.asynctype", "evt.pluginname", "evt.plugininfo",
			"evt.abspath", "evt.abspath.src", "evt.abspath.dst"),
		missing(Duration, notTracked, "evt.reltime", "evt.reltime.s", "evt.reltime.ns", "evt.deltatime", "evt.deltatime.s",
			"evt.deltatime.ns", "evt.latency", "evt.latency.s", "evt.latency.ns", "evt.wait_latency"),
		missing(Int, notTracked, "evt.count.error", "evt.count.error.file", "evt.count.error.net", "evt.count.error.memory",
			"evt.count.error.other", "evt.count.exit"),
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
