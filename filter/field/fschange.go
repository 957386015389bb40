package field

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What fs.change says a successful call did to a file.
const (
	changeModify    = "modify"    // opened for writing, made or cut: what is in it may be another from now on
	changeAttribute = "attribute" // mode, owner or extended attributes
	changeMove      = "move"      // renamed, or another file renamed over it
	changeDelete    = "delete"    // a name removed
	changeLink      = "link"      // another name made for it, hard or symbolic
)

// changeOf is the change that a successful call of each type is; of an open, the one it may be.
var changeOf = [pipeline.NumEventTypes]string{
	pipeline.EventOpen: changeModify, pipeline.EventOpenat: changeModify, pipeline.EventOpenat2: changeModify,
	pipeline.EventOpenByHandleAt: changeModify, pipeline.EventCreat: changeModify,
	pipeline.EventTruncate: changeModify, pipeline.EventFtruncate: changeModify,

	pipeline.EventChmod: changeAttribute, pipeline.EventFchmod: changeAttribute, pipeline.EventFchmodat: changeAttribute,
	pipeline.EventFchmodat2: changeAttribute, pipeline.EventChown: changeAttribute, pipeline.EventLchown: changeAttribute,
	pipeline.EventFchown: changeAttribute, pipeline.EventFchownat: changeAttribute,
	pipeline.EventSetxattr: changeAttribute, pipeline.EventLsetxattr: changeAttribute, pipeline.EventFsetxattr: changeAttribute,
	pipeline.EventRemovexattr: changeAttribute, pipeline.EventLremovexattr: changeAttribute, pipeline.EventFremovexattr: changeAttribute,

	pipeline.EventSetxattrat: changeAttribute, pipeline.EventRemovexattrat: changeAttribute,

	pipeline.EventRename: changeMove, pipeline.EventRenameat: changeMove, pipeline.EventRenameat2: changeMove,
	pipeline.EventUnlink: changeDelete, pipeline.EventUnlinkat: changeDelete, pipeline.EventRmdir: changeDelete,
	pipeline.EventLink: changeLink, pipeline.EventLinkat: changeLink,
	pipeline.EventSymlink: changeLink, pipeline.EventSymlinkat: changeLink,
}

// changeFields are tocsin's own.
func changeFields() []Def {
	change := str("fs.change", "what the call did to a file: modify, attribute, move, delete or link; null otherwise", fsChange)
	change.OfType = func(t pipeline.EventType) (string, bool) { return changeOf[t], changeOf[t] != "" }
	path := resolved(str("fs.change.path", "path of the file that fs.change is about; of a move its old path, of a link what it leads to", changed(false)))
	path.OfType = func(t pipeline.EventType) (string, bool) { return "", changeOf[t] != "" }
	renamed := resolved(str("fs.change.newpath", "of a move the new path, of a link the link's; null otherwise", changed(true)))
	renamed.OfType = func(t pipeline.EventType) (string, bool) {
		return "", changeOf[t] == changeMove || changeOf[t] == changeLink
	}
	return []Def{change, path, renamed}
}

func fsChange(v *View) (string, bool) {
	ev := v.Ev
	change := changeOf[ev.Type]
	if change == "" || ev.Failed() || isOpen(ev.Type) && !opensToWrite(ev.Flag) {
		return "", false
	}
	return change, true
}

// opensToWrite: the kernel opens for writing what it cuts, whatever the access mode; O_PATH opens nothing.
func opensToWrite(flags uint64) bool {
	access := flags & unix.O_ACCMODE
	return flags&unix.O_PATH == 0 && (access == unix.O_WRONLY || access == unix.O_RDWR || flags&unix.O_TRUNC != 0)
}

// changed reads the path that a change is about, or the second one.
func changed(second bool) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		if _, ok := fsChange(v); !ok {
			return "", false
		}
		switch i := changedPath(v.Ev.Type, second); i {
		case noPath:
			return "", false
		case strArgument:
			target := linkTarget(v)
			if strings.HasPrefix(target, "/") {
				target = v.walk("", target) // /etc/./passwd is no other file
			}
			return target, true
		case fdPath:
			return v.Ev.FD.Name, v.Ev.FD.Kind == pipeline.FDFile || v.Ev.FD.Kind == pipeline.FDDirectory
		default:
			return v.Ev.Path[i].Name, v.Ev.Path[i].Set
		}
	}
}

// changedPath says where the path is: an index into Event.Path, or as fsName says it.
func changedPath(t pipeline.EventType, second bool) int {
	symbolic := t == pipeline.EventSymlink || t == pipeline.EventSymlinkat
	switch {
	case second && symbolic:
		return 0
	case second && (changeOf[t] == changeMove || changeOf[t] == changeLink):
		return 1
	case second:
		return noPath
	case symbolic:
		return strArgument
	}
	switch t {
	case pipeline.EventFtruncate, pipeline.EventFchmod, pipeline.EventFchown, pipeline.EventFsetxattr,
		pipeline.EventFremovexattr, pipeline.EventOpenByHandleAt:
		return fdPath
	}
	return 0
}
