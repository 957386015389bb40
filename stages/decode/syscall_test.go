package decode

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

const cwdFD = uint64(0xffffff9c) // AT_FDCWD as a 32-bit register holds it

func TestOpen(t *testing.T) {
	type want struct {
		Path       pipeline.Path
		FD         pipeline.FD
		Flag       uint64
		Mode       uint32
		UserMemory bool
	}
	how := binary.NativeEndian.AppendUint64(nil, unix.O_RDWR|unix.O_CREAT)
	how = binary.NativeEndian.AppendUint64(how, 0o600)
	how = binary.NativeEndian.AppendUint64(how, 0)
	shadow := pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: "/etc/shadow", Ino: 77, Dev: 8 << 20, Mode: 0o100644, Changed: true}
	for name, c := range map[string]struct {
		sample pipeline.Sample
		want   want
	}{
		"a successful open is named by the kernel's file": {
			call(pipeline.EventOpenat, 3, [6]uint64{cwdFD, 0, unix.O_RDONLY | unix.O_CLOEXEC},
				str(1, "/tmp/link"), file("/etc/shadow")),
			want{Path: pipeline.Path{Raw: "/tmp/link", Name: "/etc/shadow", Set: true},
				FD: with(shadow, func(f *pipeline.FD) { f.Raw = "/tmp/link" }), Flag: unix.O_CLOEXEC},
		},
		"a failed open is named by its path, from its base": {
			call(pipeline.EventOpenat, -2, [6]uint64{cwdFD}, str(1, "../x//./missing"), path(kindBase, 1, "/home/u")),
			want{Path: pipeline.Path{Raw: "../x//./missing", Name: "/home/x/missing", Set: true},
				FD:         pipeline.FD{Kind: pipeline.FDUnknown, Num: -1, Name: "/home/x/missing", Raw: "../x//./missing"},
				UserMemory: true},
		},
		"chdir is named by where it led, which is its base by then": {
			call(pipeline.EventChdir, 0, [6]uint64{}, str(0, "sub"), path(kindBase, 0, "/home/u/sub"), path(kindCwd, 0, "/home/u/sub")),
			want{Path: pipeline.Path{Raw: "sub", Name: "/home/u/sub", Set: true}, UserMemory: true},
		},
		"a base that is not known shows": {
			call(pipeline.EventOpenat, -9, [6]uint64{99}, str(1, "file")),
			want{Path: pipeline.Path{Raw: "file", Name: "<UNKNOWN>file", Set: true},
				FD:         pipeline.FD{Kind: pipeline.FDUnknown, Num: -1, Name: "<UNKNOWN>file", Raw: "file"},
				UserMemory: true},
		},
		"openat2 has its flags and mode in memory": {
			call(pipeline.EventOpenat2, 3, [6]uint64{cwdFD}, str(1, "/etc/shadow"),
				piece{kind: kindData, index: 2, data: how}, file("/etc/shadow")),
			want{Path: pipeline.Path{Raw: "/etc/shadow", Name: "/etc/shadow", Set: true},
				FD:   with(shadow, func(f *pipeline.FD) { f.Raw = "/etc/shadow" }),
				Flag: unix.O_RDWR | unix.O_CREAT, Mode: 0o600},
		},
		"creat implies its flags, and made the file": {
			call(pipeline.EventCreat, 3, [6]uint64{0, 0o640}, str(0, "/etc/shadow"),
				fileOf(fileInfo{Ino: 77, Dev: 8 << 20, Mode: 0o100644, Flags: fileCreated}, 0, components("/etc/shadow"))),
			want{Path: pipeline.Path{Raw: "/etc/shadow", Name: "/etc/shadow", Set: true},
				FD:   with(shadow, func(f *pipeline.FD) { f.Raw, f.Created = "/etc/shadow", true }),
				Flag: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, Mode: 0o640},
		},
		"the root directory, opened as one": {
			call(pipeline.EventOpen, 4, [6]uint64{0, unix.O_DIRECTORY}, str(0, "/"),
				fileOf(fileInfo{Mode: unix.S_IFDIR | 0o755, F_flags: unix.O_DIRECTORY}, 0, nil)),
			want{Path: pipeline.Path{Raw: "/", Name: "/", Set: true},
				FD:   pipeline.FD{Kind: pipeline.FDDirectory, Num: 4, Name: "/", Raw: "/", Mode: unix.S_IFDIR | 0o755, Changed: true},
				Flag: unix.O_DIRECTORY},
		},
		"an open whose file could not be read keeps the caller's path": {
			call(pipeline.EventOpen, 5, [6]uint64{}, str(0, "/x/")),
			want{Path: pipeline.Path{Raw: "/x/", Name: "/x", Set: true},
				FD:         pipeline.FD{Kind: pipeline.FDFile, Num: 5, Name: "/x", Raw: "/x/", Changed: true},
				UserMemory: true},
		},
		"fchmod works on a file that has no path in a tree": {
			call(pipeline.EventFchmod, 0, [6]uint64{7, 0o700},
				fileOf(fileInfo{Mode: 0o100777}, chunkNoPath, []byte("memfd:a/b\x00"))),
			want{FD: pipeline.FD{Kind: pipeline.FDMemfd, Num: 7, Name: "a/b", Mode: 0o100777}, Mode: 0o700},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := decode(t, newDecoder(t), c.sample)
			got := want{ev.Path[0], ev.FD, ev.Flag, ev.Mode, ev.Flags&pipeline.FlagUserMemory != 0}
			if diff := cmp.Diff(c.want, got, cmpAddr); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func with(fd pipeline.FD, change func(*pipeline.FD)) pipeline.FD {
	change(&fd)
	return fd
}

func TestPaths(t *testing.T) {
	for name, c := range map[string]struct {
		sample   pipeline.Sample
		want     [2]string
		str, exe string
	}{
		"rename has two": {
			sample: call(pipeline.EventRename, 0, [6]uint64{}, str(0, "/a"), str(1, "b"), path(kindBase, 1, "/home/u")),
			want:   [2]string{"/a", "/home/u/b"},
		},
		"renameat has a base for each": {
			sample: call(pipeline.EventRenameat2, 0, [6]uint64{3, 0, 4}, str(1, "a"), path(kindBase, 1, "/one"),
				str(3, "./b/"), path(kindBase, 3, "/")),
			want: [2]string{"/one/a", "/b"},
		},
		"a symlink's target is a string": {
			sample: call(pipeline.EventSymlinkat, 0, [6]uint64{}, str(0, "../../etc/shadow"), str(2, "/tmp/l")),
			want:   [2]string{"/tmp/l"}, str: "../../etc/shadow",
		},
		"mount has source, target and type": {
			sample: call(pipeline.EventMount, 0, [6]uint64{}, str(0, "/dev/sda1"), str(1, "/mnt"), str(2, "ext4")),
			want:   [2]string{"/dev/sda1", "/mnt"}, str: "ext4",
		},
		"a failed execve has the file it was for": {
			sample: call(pipeline.EventExecveFailed, -2, [6]uint64{}, str(0, "/bin/nope")),
			want:   [2]string{"/bin/nope"}, exe: "/bin/nope",
		},
		"dots never lead above the root": {
			sample: call(pipeline.EventUnlink, 0, [6]uint64{}, str(0, "/../../../etc//./x/..")),
			want:   [2]string{"/etc"},
		},
		"an absolute path with dots": {
			sample: call(pipeline.EventRename, 0, [6]uint64{}, str(0, "/a/./b"), str(1, "/a/b/../c")),
			want:   [2]string{"/a/b", "/a/c"},
		},
		"the empty path is its base": {
			sample: call(pipeline.EventFchownat, 0, [6]uint64{5}, str(1, ""), path(kindBase, 1, "/srv")),
			want:   [2]string{"/srv"},
		},
		"hidden files and names of dots are names": {
			sample: call(pipeline.EventUnlink, 0, [6]uint64{}, str(0, "/root/.bashrc/.../..x")),
			want:   [2]string{"/root/.bashrc/.../..x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := decode(t, newDecoder(t), c.sample)
			if got := [2]string{ev.Path[0].Name, ev.Path[1].Name}; got != c.want {
				t.Errorf("paths = %q, want %q", got, c.want)
			}
			if ev.Str != c.str || ev.Exe != c.exe {
				t.Errorf("Str = %q, Exe = %q; want %q, %q", ev.Str, ev.Exe, c.str, c.exe)
			}
			if ev.Flags&pipeline.FlagUserMemory == 0 {
				t.Error("paths from the caller's memory are not flagged as such")
			}
		})
	}
}

func TestDirectoryDescriptorOfAtCalls(t *testing.T) {
	d := newDecoder(t)
	ev := decode(t, d, call(pipeline.EventUnlinkat, 0, [6]uint64{5}, str(1, "f"), path(kindBase, 1, "/srv")))
	want := pipeline.FD{Kind: pipeline.FDDirectory, Num: 5, Name: "/srv", Raw: "/srv"}
	if diff := cmp.Diff(want, ev.FD, cmpAddr); diff != "" {
		t.Errorf("FD of unlinkat (-want +got):\n%s", diff)
	}
	ev = decode(t, d, call(pipeline.EventUnlinkat, 0, [6]uint64{cwdFD}, str(1, "f"), path(kindBase, 1, "/srv")))
	want = pipeline.FD{Kind: pipeline.FDUnknown, Num: unix.AT_FDCWD}
	if diff := cmp.Diff(want, ev.FD, cmpAddr); diff != "" {
		t.Errorf("FD of unlinkat from the working directory (-want +got):\n%s", diff)
	}
}

func TestWhatACallDoesToItsProcess(t *testing.T) {
	d := newDecoder(t)
	p := d.Lookup(100)
	for _, step := range []struct {
		sample pipeline.Sample
		cwd    string
		euid   uint32
		sid    int32
	}{
		{call(pipeline.EventChdir, -2, [6]uint64{}, str(0, "/nowhere")), "/home/u/", 1000, 0},
		{call(pipeline.EventChdir, 0, [6]uint64{}, str(0, "/tmp/x/"), path(kindCwd, 0, "/tmp/x")), "/tmp/x/", 1000, 0},
		{call(pipeline.EventOpenat, -2, [6]uint64{cwdFD}, str(1, "f"), path(kindBase, 1, "/var")), "/var/", 1000, 0},
		{call(pipeline.EventOpenat, -2, [6]uint64{6}, str(1, "f"), path(kindBase, 1, "/dirfd")), "/var/", 1000, 0},
		{call(pipeline.EventSetsid, 100, [6]uint64{}), "/var/", 1000, 100},
		{build(syscallEvent{Header: eventHeader{Start: 5e9, Pid: 100, Type: uint16(pipeline.EventSetuid), Uid: 33}},
			func(e *syscallEvent) *eventHeader { return &e.Header }, nil), "/var/", 33, 100},
	} {
		p.User = "someone"
		before := p.EUID
		ev := decode(t, d, step.sample)
		if p.CWD != step.cwd || p.EUID != step.euid || p.SID != step.sid {
			t.Errorf("after %s: cwd %q, euid %d, sid %d; want %q, %d, %d", ev.Type, p.CWD, p.EUID, p.SID, step.cwd, step.euid, step.sid)
		}
		if changed := before != p.EUID; (p.User == "") != changed {
			t.Errorf("after %s: User = %q, uid changed: %v", ev.Type, p.User, changed)
		}
	}
}

func TestEventCarriesTheHeader(t *testing.T) {
	d := newDecoder(t)
	s := call(pipeline.EventOpen, -13, [6]uint64{1, 2, 3, 4, 5, 6}, piece{kind: kindString, flags: chunkTruncated, data: []byte("/x")})
	h := view[eventHeader](s)
	h.Flags, h.Cpu, h.Tid = 1|4|8, 3, 101
	ev := decode(t, d, s)
	wantFlags := pipeline.FlagCompat | pipeline.FlagIOUring | pipeline.FlagTruncated | pipeline.FlagUserMemory
	if ev.Flags != wantFlags || ev.CPU != 3 || ev.TID != 101 || ev.Time != 10e9+testOffset || ev.Host != "host-a" {
		t.Errorf("event = flags %b, cpu %d, tid %d, time %d, host %q", ev.Flags, ev.CPU, ev.TID, ev.Time, ev.Host)
	}
	if ev.Ret != -13 || !ev.HasRet || !ev.Failed() || ev.Args != [6]uint64{1, 2, 3, 4, 5, 6} || ev.Source != "syscall" {
		t.Errorf("event = ret %d, args %v, source %q", ev.Ret, ev.Args, ev.Source)
	}
	if ev.Num != 2 || ev.Proc != d.Lookup(100) {
		t.Errorf("event = num %d, process %v; want the second, of process 100", ev.Num, ev.Proc)
	}
}
