package field

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestChange(t *testing.T) {
	paths := [2]pipeline.Path{{Raw: "a", Name: "/d/a", Set: true}, {Raw: "b", Name: "/d/b", Set: true}}
	one := [2]pipeline.Path{paths[0]}
	file := pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: "/d/fd"}
	null := [3]string{"<NA>", "<NA>", "<NA>"}
	for sentence, c := range map[string]struct {
		ev   pipeline.Event
		want [3]string // fs.change, fs.change.path, fs.change.newpath
	}{
		"an open to write modifies":             {pipeline.Event{Type: pipeline.EventOpenat, Flag: unix.O_WRONLY, Path: one}, [3]string{"modify", "/d/a", "<NA>"}},
		"an open to read and write modifies":    {pipeline.Event{Type: pipeline.EventOpen, Flag: unix.O_RDWR, Path: one}, [3]string{"modify", "/d/a", "<NA>"}},
		"an open that cuts modifies":            {pipeline.Event{Type: pipeline.EventOpenat2, Flag: unix.O_TRUNC, Path: one}, [3]string{"modify", "/d/a", "<NA>"}},
		"an open to read does not":              {pipeline.Event{Type: pipeline.EventOpenat, Flag: unix.O_RDONLY | unix.O_CREAT, Path: one}, null},
		"an open of the path alone does not":    {pipeline.Event{Type: pipeline.EventOpenat, Flag: unix.O_PATH | unix.O_RDWR, Path: one}, null},
		"an open that failed does not":          {pipeline.Event{Type: pipeline.EventOpenat, Ret: -13, Flag: unix.O_WRONLY, Path: one}, null},
		"creat modifies":                        {pipeline.Event{Type: pipeline.EventCreat, Path: one}, [3]string{"modify", "/d/a", "<NA>"}},
		"truncate modifies":                     {pipeline.Event{Type: pipeline.EventTruncate, Path: one}, [3]string{"modify", "/d/a", "<NA>"}},
		"ftruncate modifies its descriptor":     {pipeline.Event{Type: pipeline.EventFtruncate, FD: file}, [3]string{"modify", "/d/fd", "<NA>"}},
		"an open by handle names its file":      {pipeline.Event{Type: pipeline.EventOpenByHandleAt, Flag: unix.O_RDWR, FD: file}, [3]string{"modify", "/d/fd", "<NA>"}},
		"chmod changes an attribute":            {pipeline.Event{Type: pipeline.EventFchmodat, Path: one}, [3]string{"attribute", "/d/a", "<NA>"}},
		"fchown changes its descriptor's":       {pipeline.Event{Type: pipeline.EventFchown, FD: file}, [3]string{"attribute", "/d/fd", "<NA>"}},
		"setxattr changes an attribute":         {pipeline.Event{Type: pipeline.EventSetxattr, Path: one, Str: "user.x"}, [3]string{"attribute", "/d/a", "<NA>"}},
		"fremovexattr changes its descriptor's": {pipeline.Event{Type: pipeline.EventFremovexattr, FD: file}, [3]string{"attribute", "/d/fd", "<NA>"}},
		"a rename has both names":               {pipeline.Event{Type: pipeline.EventRenameat2, Path: paths}, [3]string{"move", "/d/a", "/d/b"}},
		"unlink deletes":                        {pipeline.Event{Type: pipeline.EventUnlinkat, Path: one}, [3]string{"delete", "/d/a", "<NA>"}},
		"a hard link has both names":            {pipeline.Event{Type: pipeline.EventLinkat, Path: paths}, [3]string{"link", "/d/a", "/d/b"}},
		"a symbolic link is about its target":   {pipeline.Event{Type: pipeline.EventSymlink, Path: one, Str: "../etc/passwd"}, [3]string{"link", "/etc/passwd", "/d/a"}},
		"a target is cleaned":                   {pipeline.Event{Type: pipeline.EventSymlinkat, Path: one, Str: "/etc//./ssh/../passwd"}, [3]string{"link", "/etc/passwd", "/d/a"}},
		"mkdir changes no file":                 {pipeline.Event{Type: pipeline.EventMkdir, Path: one}, null},
		"the end of a process changes no file":  {pipeline.Event{Type: pipeline.EventExit}, null},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.ev.HasRet, c.ev.Proc = true, &pipeline.Process{}
			var v View
			v.Reset(&c.ev)
			for i, name := range [3]string{"fs.change", "fs.change.path", "fs.change.newpath"} {
				got, ok := lookup(t, name).Str(&v)
				if !ok {
					got = "<NA>"
				}
				if got != c.want[i] {
					t.Errorf("%s = %q, want %q", name, got, c.want[i])
				}
			}
		})
	}
}

// The kernel is asked for what a condition on fs.change can hold for, so the two must not differ.
func TestChangeIsNullForTypesThatItSaysItIsNullFor(t *testing.T) {
	for _, name := range []string{"fs.change", "fs.change.path", "fs.change.newpath"} {
		ref := lookup(t, name)
		for kind := range pipeline.NumEventTypes {
			ev := pipeline.Event{Type: kind, HasRet: true, Flag: unix.O_RDWR, Proc: &pipeline.Process{},
				FD:   pipeline.FD{Kind: pipeline.FDFile, Name: "/d/fd"},
				Path: [2]pipeline.Path{{Name: "/d/a", Set: true}, {Name: "/d/b", Set: true}}}
			var v View
			v.Reset(&ev)
			value, has := ref.Str(&v)
			said, may := ref.Def.OfType(kind)
			if has != may || said != "" && said != value {
				t.Errorf("%s of %v is %q, %v; its type says %q, %v", name, kind, value, has, said, may)
			}
		}
	}
}
