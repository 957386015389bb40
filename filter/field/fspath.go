package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// pathFields are fs.path.*: the paths of a call that succeeded, made absolute. Opens have one on failure too.
func pathFields() []Def {
	return []Def{
		resolved(str("fs.path.name", "path of the file the call was about, absolute", fsPath(fsName, absolute))),
		str("fs.path.nameraw", "the same as the caller passed it", fsPath(fsName, asPassed)),
		resolved(str("fs.path.source", "rename: the old path; mount: the device; link and symlink: the new path", fsPath(fsSource, absolute))),
		str("fs.path.sourceraw", "the same as the caller passed it", fsPath(fsSource, asPassed)),
		resolved(str("fs.path.target", "rename: the new path; mount: the directory; link and symlink: what it points to", fsPath(fsTarget, absolute))),
		str("fs.path.targetraw", "the same as the caller passed it", fsPath(fsTarget, asPassed)),
	}
}

// pathForm chooses between the two forms of a path.
type pathForm bool

// Forms of a path.
const (
	absolute pathForm = false
	asPassed pathForm = true
)

// fsPath reads the path that which picks; null where the call has no such path, or failed and is no open.
func fsPath(which func(*pipeline.Event) int, form pathForm) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		i := which(v.Ev)
		switch {
		case i == noPath || v.Ev.Failed() && !isOpen(v.Ev.Type):
			return "", false
		case i == strArgument && form == asPassed:
			return v.Ev.Str, true
		case i == strArgument:
			return linkTarget(v), true
		case i == fdPath:
			return v.Ev.FD.Name, v.Ev.FD.Kind == pipeline.FDFile || v.Ev.FD.Kind == pipeline.FDDirectory
		case form == asPassed:
			return v.Ev.Path[i].Raw, v.Ev.Path[i].Set
		default:
			return v.Ev.Path[i].Name, v.Ev.Path[i].Set
		}
	}
}

// linkTarget is what a symbolic link leads to: a relative target starts from where the link lies.
func linkTarget(v *View) string {
	target, link := v.Ev.Str, v.Ev.Path[0].Name
	if strings.HasPrefix(target, "/") || !strings.HasPrefix(link, "/") {
		return target
	}
	dir, _ := lastSlash(link)
	return v.walk(strings.TrimSuffix(dir, "/"), target)
}

// walk goes from a directory along a path, lexically.
func (v *View) walk(dir, path string) string {
	return v.Build(func(dst []byte) []byte {
		start := len(dst)
		dst = append(dst, dir...)
		for part := range strings.SplitSeq(path, "/") {
			switch part {
			case "", ".":
			case "..":
				dst = dst[:start+max(strings.LastIndexByte(view(dst[start:]), '/'), 0)]
			default:
				dst = append(append(dst, '/'), part...)
			}
		}
		if len(dst) == start {
			dst = append(dst, '/')
		}
		return dst
	})
}

// Where a path of fs.path.* is found, besides the indexes 0 and 1 of Event.Path.
const (
	noPath      = -1
	strArgument = -2 // Event.Str: a symbolic link's target
	fdPath      = -3 // the descriptor's name
)

func fsName(ev *pipeline.Event) int {
	switch ev.Type {
	case pipeline.EventFchmod, pipeline.EventFchown:
		return fdPath
	case pipeline.EventOpen, pipeline.EventOpenat, pipeline.EventOpenat2, pipeline.EventMkdir, pipeline.EventMkdirat,
		pipeline.EventRmdir, pipeline.EventUnlink, pipeline.EventUnlinkat, pipeline.EventChmod, pipeline.EventFchmodat,
		pipeline.EventFchmodat2, pipeline.EventChown, pipeline.EventLchown, pipeline.EventFchownat,
		pipeline.EventUmount, pipeline.EventUmount2:
		return 0
	}
	return noPath
}

func fsSource(ev *pipeline.Event) int {
	switch ev.Type {
	case pipeline.EventRename, pipeline.EventRenameat, pipeline.EventRenameat2, pipeline.EventMount,
		pipeline.EventSymlink, pipeline.EventSymlinkat:
		return 0
	case pipeline.EventLink, pipeline.EventLinkat:
		return 1
	}
	return noPath
}

func fsTarget(ev *pipeline.Event) int {
	switch ev.Type {
	case pipeline.EventRename, pipeline.EventRenameat, pipeline.EventRenameat2, pipeline.EventMount:
		return 1
	case pipeline.EventLink, pipeline.EventLinkat:
		return 0
	case pipeline.EventSymlink, pipeline.EventSymlinkat:
		return strArgument
	}
	return noPath
}
