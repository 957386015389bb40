package sensor

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatIsMissingIsSaidInOneSentence(t *testing.T) {
	const bpfAndPerfmon = 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON
	cases := map[string]struct {
		host host
		want string // part of the sentence; "" for nothing missing
	}{
		"root on a new kernel":            {host{"6.18.1-arch", nil, ^uint64(0)}, ""},
		"the two capabilities are enough": {host{"5.8.0", nil, bpfAndPerfmon}, ""},
		"so is CAP_SYS_ADMIN":             {host{"6.1.0-13-amd64", nil, 1 << unix.CAP_SYS_ADMIN}, ""},
		"one of the two capabilities":     {host{"6.1.0", nil, 1 << unix.CAP_BPF}, "CAP_BPF and CAP_PERFMON"},
		"an ordinary user":                {host{"6.1.0", nil, 0}, "needs root"},
		"a kernel before the ring buffer": {host{"5.7.19", nil, ^uint64(0)}, "needs Linux 5.8 or newer and this is 5.7.19"},
		"a kernel of the last decade":     {host{"4.18.0-553.el8", nil, ^uint64(0)}, "this is 4.18.0-553.el8"},
		"no BTF":                          {host{"6.1.0", fs.ErrNotExist, ^uint64(0)}, "CONFIG_DEBUG_INFO_BTF=y"},
		"BTF that may not be read":        {host{"6.1.0", fs.ErrPermission, ^uint64(0)}, "permission denied"},
		"a release that is none":          {host{"unknown", nil, ^uint64(0)}, `release "unknown"`},
		"an old kernel comes before all":  {host{"4.4.0", fs.ErrNotExist, 0}, "Linux 5.8"},
		"BTF comes before rights":         {host{"6.1.0", fs.ErrNotExist, 0}, kernelBTF},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.host.missing()
			if c.want == "" {
				if err != nil {
					t.Errorf("missing() = %v, want nothing", err)
				}
				return
			}
			text := fmt.Sprint(err)
			if !strings.Contains(text, c.want) || !strings.Contains(text, "`tocsin router`") || strings.Contains(text, "\n") {
				t.Errorf("missing() = %q, want one sentence with %q and what still works", text, c.want)
			}
		})
	}
}

func TestInspectKnowsThisMachine(t *testing.T) {
	h, err := inspect()
	if err != nil {
		t.Fatal(err)
	}
	if h.release == "" || strings.ContainsRune(h.release, 0) {
		t.Errorf("kernel release is %q", h.release)
	}
	if root := unix.Geteuid() == 0; root && h.caps == 0 {
		t.Error("root has no capability")
	}
}
