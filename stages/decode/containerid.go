package decode

import "strings"

// scopePrefixes are the runtimes that name a container's cgroup PREFIX-ID or PREFIX-ID.scope. Monitors
// (libpod-conmon-, crio-conmon-) are not containers and not listed.
var scopePrefixes = map[string]bool{
	"docker": true, "cri-containerd": true, "crio": true, "nerdctl": true,
	"libpod": true, "libpod-payload": true,
}

// ContainerID finds the id of the container that a cgroup path belongs to; "" means the host. Names are
// tried from the leaf up, so that a cgroup made inside a container (systemd or docker in docker) belongs
// to the innermost container that has a name. The id is the full one: 64 hex digits, or for ctr, LXC,
// libvirt and BPM the container's name.
func ContainerID(cgroupPath string) (id string) {
	if id := runtimeID(cgroupPath); id != "" {
		return id
	}
	return ctrID(cgroupPath)
}

// runtimeID is ContainerID without ctr's pattern, which any path of two names fits.
func runtimeID(path string) string {
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		above := path[:max(i, 0)]
		if id := nameID(path[i+1:], above[strings.LastIndexByte(above, '/')+1:]); id != "" {
			return id
		}
		path = above
	}
	return ""
}

// nameID is the id in one name of a cgroup path; above is the name before it.
func nameID(name, above string) string {
	if isHexID(name) {
		return name // docker, CRI and containerd with the cgroupfs driver
	}
	if above == "lxc" || above == "lxc.payload" {
		return name // LXC, and /libvirt/lxc/NAME
	}
	if id, ok := strings.CutPrefix(name, "lxc.payload."); ok {
		return id
	}
	if i := strings.LastIndex(name, ":cri-containerd:"); i >= 0 && isHexID(name[i+len(":cri-containerd:"):]) {
		return name[i+len(":cri-containerd:"):]
	}
	if id, ok := strings.CutSuffix(name, ".libvirt-lxc"); ok {
		return id
	}
	scope, _, isScope := strings.Cut(name, ".scope")
	if id, ok := strings.CutPrefix(scope, "bpm-"); ok {
		return id
	}
	if i := strings.Index(scope, `-lxc\x2d`); i >= 0 && isScope { // systemd's escape of "-"
		return scope[i+len(`-lxc\x2d`):]
	}
	if i := strings.LastIndexByte(scope, '-'); i >= 0 && scopePrefixes[scope[:i]] && isHexID(scope[i+1:]) {
		return scope[i+1:]
	}
	return ""
}

// ctrID is the container in ctr's "/NAMESPACE/ID". Leading ".." come from a /proc read inside a cgroup
// namespace.
func ctrID(path string) string {
	for strings.HasPrefix(path, "/..") {
		path = path[len("/.."):]
	}
	rest, ok := strings.CutPrefix(path, "/")
	namespace, id, both := strings.Cut(rest, "/")
	if !ok || !both || !isIdentifier(namespace) || !isIdentifier(id) || isUnit(namespace) || isUnit(id) {
		return ""
	}
	return id
}

// isUnit reports whether a cgroup's name is a systemd unit's.
func isUnit(name string) bool {
	return strings.HasSuffix(name, ".slice") || strings.HasSuffix(name, ".scope") || strings.HasSuffix(name, ".service")
}

// isHexID reports whether s is an id as Docker, containerd's CRI, CRI-O and Podman make them.
func isHexID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		if lower := s[i] | 0x20; !digit && (lower < 'a' || lower > 'f') {
			return false
		}
	}
	return true
}

// isIdentifier reports whether s can be a containerd namespace or container.
func isIdentifier(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
		inner := i > 0 && i < len(s)-1 && (c == '.' || c == '_' || c == '-')
		if !letter && !inner {
			return false
		}
	}
	return true
}
