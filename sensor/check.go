package sensor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// kernelBTF is where a kernel built with CONFIG_DEBUG_INFO_BTF describes its own types.
const kernelBTF = "/sys/kernel/btf/vmlinux"

// routerWorks ends every refusal: a machine that cannot watch can still deliver.
const routerWorks = "`tocsin router` needs none of this and still works"

// host is what Check looks at.
type host struct {
	release string // uname -r
	btf     error  // why the kernel's types cannot be read, or nil
	caps    uint64 // effective capabilities
}

// Check returns nil when this machine and this process can run the sensor, else one sentence saying
// what is missing and what works without it. It loads nothing; the kernel has the last word in Open.
func Check() error {
	h, err := inspect()
	if err != nil {
		return err
	}
	return h.missing()
}

func inspect() (host, error) {
	var (
		h    host
		name unix.Utsname
	)
	if err := unix.Uname(&name); err != nil {
		return h, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	h.release = unix.ByteSliceToString(name.Release[:])
	_, h.btf = os.Stat(kernelBTF)

	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // version 3: 64 bits in two halves
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return h, fmt.Errorf("ask for this process's capabilities: %w", err)
	}
	h.caps = uint64(sets[1].Effective)<<32 | uint64(sets[0].Effective)
	return h, nil
}

// missing names the first thing in the way, in the order in which a person can do something about it.
func (h host) missing() error {
	var major, minor int
	if _, err := fmt.Sscanf(h.release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("the sensor cannot read the kernel's release %q: %w; %s", h.release, err, routerWorks)
	}
	has := func(c uint) bool { return h.caps>>c&1 == 1 }
	switch {
	case major < 5 || major == 5 && minor < 8:
		return fmt.Errorf("the sensor needs Linux 5.8 or newer and this is %s; %s", h.release, routerWorks)
	case errors.Is(h.btf, fs.ErrNotExist):
		return fmt.Errorf("the sensor needs %s, which a kernel built with CONFIG_DEBUG_INFO_BTF=y has (in a container, mount /sys); %s", kernelBTF, routerWorks)
	case h.btf != nil:
		return fmt.Errorf("the sensor needs to read %s: %w; %s", kernelBTF, h.btf, routerWorks)
	case !has(unix.CAP_SYS_ADMIN) && !(has(unix.CAP_BPF) && has(unix.CAP_PERFMON)):
		return fmt.Errorf("the sensor needs root, or the capabilities CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN; %s", routerWorks)
	}
	return nil
}
