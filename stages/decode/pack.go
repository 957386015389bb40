package decode

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

// JSON holds text, the kernel's strings are bytes. What is no text is written as this mark, which no
// string of the kernel's can begin with, and base64.
const packMark = "\x00"

// pack returns p as JSON can hold it, without its parent, which PPID names.
func pack(p pipeline.Process) pipeline.Process {
	p.Parent = nil
	for _, s := range texts(&p) {
		if !utf8.ValidString(*s) {
			*s = packMark + base64.StdEncoding.EncodeToString([]byte(*s))
		}
	}
	return p
}

// unpack undoes pack.
func unpack(p pipeline.Process) (pipeline.Process, error) {
	p.Parent = nil
	for _, s := range texts(&p) {
		if packed, ok := strings.CutPrefix(*s, packMark); ok {
			b, err := base64.StdEncoding.DecodeString(packed)
			if err != nil {
				return p, fmt.Errorf("read process %d: %w", p.PID, err)
			}
			*s = string(b)
		}
	}
	return p, nil
}

// texts are the strings of p that a program chose, its lists made its own.
func texts(p *pipeline.Process) []*string {
	p.Args, p.Env = slices.Clone(p.Args), slices.Clone(p.Env)
	all := []*string{&p.Comm, &p.Exe, &p.Cmdline, &p.ExePath, &p.CWD, &p.Cgroup, &p.ContainerID}
	for _, list := range [][]string{p.Args, p.Env} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}
