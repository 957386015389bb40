package field

import (
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// mountFields read a container's mounts, or the one that is asked for by number or by a glob.
func mountFields() []Def {
	source := func(m *pipeline.Mount) string { return m.Source }
	dest := func(m *pipeline.Mount) string { return m.Dest }
	return []Def{
		str("container.mounts", "all mounts of the container as source:destination:mode:writable:propagation, joined by commas", func(v *View) (string, bool) {
			c, host, ok := container(v.Ev.Proc)
			if host || !ok {
				return "", false
			}
			return v.Build(func(dst []byte) []byte {
				for i := range c.Mounts {
					if i > 0 {
						dst = append(dst, ',')
					}
					dst = appendMount(dst, &c.Mounts[i])
				}
				return dst
			}), true
		}),
		mount("container.mount", "mount [n], or the first whose source matches the glob in brackets", source, func(dst []byte, m *pipeline.Mount) []byte {
			return appendMount(dst, m)
		}),
		mount("container.mount.source", "its source; the glob is for the destination", dest, func(dst []byte, m *pipeline.Mount) []byte {
			return append(dst, m.Source...)
		}),
		mount("container.mount.dest", "its destination; the glob is for the source", source, func(dst []byte, m *pipeline.Mount) []byte {
			return append(dst, m.Dest...)
		}),
		mount("container.mount.mode", "its mode; the glob is for the source", source, func(dst []byte, m *pipeline.Mount) []byte {
			return append(dst, m.Mode...)
		}),
		mount("container.mount.rdwr", "true when it can be written to; the glob is for the source", source, func(dst []byte, m *pipeline.Mount) []byte {
			return strconv.AppendBool(dst, m.Writable)
		}),
		mount("container.mount.propagation", "its propagation; the glob is for the source", source, func(dst []byte, m *pipeline.Mount) []byte {
			return append(dst, m.Propagation...)
		}),
	}
}

func appendMount(dst []byte, m *pipeline.Mount) []byte {
	dst = append(append(dst, m.Source...), ':')
	dst = append(append(dst, m.Dest...), ':')
	dst = append(append(dst, m.Mode...), ':')
	dst = append(strconv.AppendBool(dst, m.Writable), ':')
	return append(dst, m.Propagation...)
}

// mount reads the mount whose number, or whose name, is in brackets; null when there is none.
func mount(name, doc string, named func(*pipeline.Mount) string, appendTo func([]byte, *pipeline.Mount) []byte) Def {
	return Def{
		Name: name, Type: String, Doc: doc, Arg: NeedsKey,
		bind: func(arg string) (Getter, error) {
			index, err := parseIndex(arg)
			if err != nil {
				index = -1
			}
			return Getter{Str: func(v *View) (string, bool) {
				m := findMount(v.Ev.Proc, index, arg, named)
				if m == nil {
					return "", false
				}
				return v.Build(func(dst []byte) []byte { return appendTo(dst, m) }), true
			}}, nil
		},
	}
}

func findMount(p *pipeline.Process, index int, pattern string, named func(*pipeline.Mount) string) *pipeline.Mount {
	c, host, ok := container(p)
	if host || !ok || index >= len(c.Mounts) {
		return nil
	}
	if index >= 0 {
		return &c.Mounts[index]
	}
	for i := range c.Mounts {
		if Glob(pattern, named(&c.Mounts[i])) {
			return &c.Mounts[i]
		}
	}
	return nil
}
