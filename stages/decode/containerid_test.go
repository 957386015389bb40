package decode

import (
	"strings"
	"testing"
)

func TestContainerID(t *testing.T) {
	h := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("fedcba9876543210", 4)
	for name, c := range map[string]struct{ path, want string }{
		"docker, cgroupfs":                   {"/docker/" + h, h},
		"docker, systemd":                    {"/system.slice/docker-" + h + ".scope", h},
		"docker in a pod (cri-dockerd)":      {"/kubepods.slice/kubepods-pod1.slice/docker-" + h + ".scope", h},
		"containerd CRI, cgroupfs":           {"/kubepods/besteffort/pod6a1/" + h, h},
		"containerd CRI, systemd":            {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + h + ".scope", h},
		"containerd CRI, systemd unescaped":  {"/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" + h, h},
		"CRI-O, systemd":                     {"/kubepods.slice/kubepods-pod1.slice/crio-" + h + ".scope", h},
		"CRI-O, cgroupfs":                    {"/kubepods/pod1/crio-" + h, h},
		"CRI-O's monitor is the host":        {"/kubepods.slice/crio-conmon-" + h + ".scope", ""},
		"podman, systemd":                    {"/machine.slice/libpod-" + h + ".scope", h},
		"podman, payload":                    {"/machine.slice/libpod-" + other + ".scope/libpod-payload-" + h, h},
		"podman, in its container cgroup":    {"/machine.slice/libpod-" + h + ".scope/container", h},
		"podman, cgroupfs":                   {"/libpod_parent/libpod-" + h, h},
		"podman, rootless":                   {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + h + ".scope", h},
		"podman's monitor is the host":       {"/machine.slice/libpod-conmon-" + h + ".scope", ""},
		"nerdctl, systemd":                   {"/system.slice/nerdctl-" + h + ".scope", h},
		"nerdctl, cgroupfs":                  {"/default/" + h, h},
		"ctr":                                {"/default/my-container_1.x", "my-container_1.x"},
		"ctr, seen from a cgroup namespace":  {"/../../default/web", "web"},
		"a path of three names is not ctr's": {"/a/b/c", ""},
		"LXC":                                {"/lxc/web01", "web01"},
		"LXC payload folder":                 {"/lxc.payload/web01/system.slice/nginx.service", "web01"},
		"LXC payload name":                   {"/lxc.payload.web01/init.scope", "web01"},
		"LXC's monitor is the host":          {"/lxc.monitor.web01", ""},
		"libvirt LXC":                        {"/machine/web01.libvirt-lxc", "web01"},
		"libvirt LXC, systemd":               {`/machine.slice/machine-lxc\x2dweb01.scope/libvirt`, "web01"},
		"libvirt LXC, folder":                {"/libvirt/lxc/web01", "web01"},
		"BPM":                                {"/system.slice/runc-bpm.slice/bpm-cloud_controller.scope", "cloud_controller"},
		"systemd inside docker":              {"/docker/" + h + "/init.scope", h},
		"systemd inside a docker scope":      {"/system.slice/docker-" + h + ".scope/system.slice/sshd.service", h},
		"docker inside docker: the inner":    {"/docker/" + other + "/docker/" + h, h},
		"text after the scope":               {"/system.slice/docker-" + h + ".scope:x", h},
		"upper case":                         {"/docker/" + strings.ToUpper(h), strings.ToUpper(h)},
		"a private cgroup namespace":         {"/../../kubepods/pod1/" + h, h},
		"63 digits are no id":                {"/kubepods/pod1/" + h[:63], ""},
		"65 digits are no id":                {"/a/docker-" + h + "0.scope", ""},
		"not hexadecimal":                    {"/kubepods/pod1/" + h[:63] + "g", ""},
		"the root":                           {"/", ""},
		"nothing":                            {"", ""},
		"a service":                          {"/system.slice/sshd.service", ""},
		"a user's session":                   {"/user.slice/user-1000.slice/session-3.scope", ""},
		"init":                               {"/init.scope", ""},
		"a slice in a slice":                 {"/system.slice/system-getty.slice", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ContainerID(c.path); got != c.want {
				t.Errorf("ContainerID(%q) = %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func TestContainerOfAProcess(t *testing.T) {
	h := strings.Repeat("0123456789abcdef", 4)
	const ownNS = 4026532000
	parent := &entry{}
	parent.Cgroup, parent.ContainerID = "/batch/jobs", ""
	for name, c := range map[string]struct {
		paths  []string
		pidNS  uint32
		cgroup string
		id     string
	}{
		"no path but roots is the host":                   {nil, initPidNS, "/", ""},
		"the first path with an id counts":                {[]string{"/user.slice", "/docker/" + h}, initPidNS, "/docker/" + h, h},
		"ctr's pattern alone is not enough":               {[]string{"/api/370696a067592242"}, initPidNS, "/api/370696a067592242", ""},
		"with a pid namespace it is":                      {[]string{"/default/web"}, ownNS, "/default/web", "web"},
		"plain runc":                                      {[]string{"/", "/api/3706/shell"}, ownNS, "/api/3706/shell", "shell"},
		"a service with a pid namespace is the host":      {[]string{"/system.slice/x.service"}, ownNS, "/system.slice/x.service", ""},
		"unshare leaves a process where its parent is":    {[]string{"/batch/jobs"}, ownNS, "/batch/jobs", ""},
		"a real id goes before a name in an earlier path": {[]string{"/x/y", "/docker/" + h}, ownNS, "/docker/" + h, h},
	} {
		t.Run(name, func(t *testing.T) {
			e := &entry{parent: parent}
			e.PidNS = c.pidNS
			e.place(c.paths)
			if e.Cgroup != c.cgroup || e.ContainerID != c.id {
				t.Errorf("place(%q) = cgroup %q, container %q; want %q, %q", c.paths, e.Cgroup, e.ContainerID, c.cgroup, c.id)
			}
		})
	}
}
