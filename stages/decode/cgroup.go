package decode

import "strings"

// initPidNS is the inode number of the initial pid namespace (include/uapi/linux/nsfs.h, PID_NS_INIT_INO).
const initPidNS = 0xeffffffc

// place finds out which container the process is in from its cgroup paths, the default hierarchy's first.
// None means that all of them are the root.
func (e *entry) place(paths []string) {
	path, id := "/", ""
	if len(paths) > 0 {
		path, id = e.identify(paths)
	}
	e.Cgroup = keep(e.Cgroup, path)
	if e.ContainerID != id {
		e.ContainerID = strings.Clone(id)
		e.Container, e.User, e.Group, e.Login = nil, "", "", ""
	}
}

// identify returns the first path that names a container, and the container.
//
// A path that fits no runtime's pattern may still be a container's: runc's own default is "/NAME",
// ctr's "/NAMESPACE/NAME", and host services use such paths too. There the pid namespace decides; and a
// process in its parent's cgroup is where its parent is, be it in a pid namespace of its own.
func (e *entry) identify(paths []string) (path, id string) {
	for _, p := range paths {
		if id := runtimeID(p); id != "" {
			return p, id
		}
	}
	if e.PidNS == 0 || e.PidNS == initPidNS {
		return paths[0], ""
	}
	for _, p := range paths {
		name := p[strings.LastIndexByte(p, '/')+1:]
		switch {
		case name == "" || isUnit(name):
		case e.parent != nil && e.parent.Cgroup == p:
			return p, e.parent.ContainerID
		default:
			return p, name
		}
	}
	return paths[0], ""
}

// cgroupPaths collects the record's cgroup paths, the root left out. The result lasts until the next record.
func (d *Decoder) cgroupPaths() []string {
	d.paths = d.paths[:0]
	for i := range d.rec.chunks {
		if c := &d.rec.chunks[i]; c.kind == kindCgroup {
			if path := d.pathOf(c, c.data); path != "/" {
				d.paths = append(d.paths, path)
			}
		}
	}
	return d.paths
}
