package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// accountFile is a passwd or group file: names by id.
type accountFile struct {
	names   map[uint32]string
	logins  map[uint32]login // of passwd
	version fileVersion
}

// login is where a user begins, and with what.
type login struct{ home, shell string }

// fileVersion changes when the file does.
type fileVersion struct {
	dev, ino uint64
	size     int64
	mtime    unix.Timespec
}

// maxAccountFile bounds what is read of a container's file, which is the container's to write: some
// 15,000 accounts.
const maxAccountFile = 1 << 20

// name is the name of an account. Root is root everywhere, with or without a file.
func (f *accountFile) name(id uint32) string {
	if name, ok := f.names[id]; ok {
		return name
	}
	if id == rootID {
		return "root"
	}
	return unknown
}

// refresh brings r up to date through the root directory of process pid, which must still be in mount
// namespace mountNS (0: whichever). It reports false if that process is gone.
func (a *accounts) refresh(r *rootAccounts, pid int32, mountNS uint32) bool {
	dir := filepath.Join(a.procfs, strconv.Itoa(int(pid)))
	root, err := unix.Open(filepath.Join(dir, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(root) // a path descriptor: nothing to lose
	// Now that the root is held, make sure whose it is: the pid may have a new owner.
	if mountNS != 0 {
		link, err := os.Readlink(filepath.Join(dir, "ns", "mnt"))
		if err != nil || link != fmt.Sprintf("mnt:[%d]", mountNS) {
			return false
		}
	}
	r.users.refresh(root, "etc/passwd")
	r.groups.refresh(root, "etc/group")
	return true
}

// refresh reads the file again if it changed. A file that is missing or not to be trusted has no names.
func (f *accountFile) refresh(root int, path string) {
	fd, err := findInRoot(root, path)
	if err != nil {
		*f = accountFile{}
		return
	}
	defer unix.Close(fd) // a path descriptor: nothing to lose
	version, err := versionOf(fd)
	if err != nil {
		*f = accountFile{}
		return
	}
	if f.names != nil && version == f.version {
		return
	}
	b, err := readAt(fd)
	if err != nil {
		*f = accountFile{}
		return
	}
	*f = accountFile{names: parseAccounts(b), logins: parseLogins(b), version: version}
}

// findInRoot finds a file below root as the container would: symbolic links are followed, but never out of
// the root. The file is not opened yet: it could be a fifo that blocks, or a device.
func findInRoot(root int, path string) (int, error) {
	return unix.Openat2(root, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// readAt reads the file that a path descriptor stands for.
func readAt(fd int) ([]byte, error) {
	file, err := os.Open("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only: nothing to lose
	return io.ReadAll(io.LimitReader(file, maxAccountFile))
}

var errNotAFile = errors.New("not a regular file")

func versionOf(fd int) (fileVersion, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return fileVersion{}, err
	}
	if s.Mode&unix.S_IFMT != unix.S_IFREG {
		return fileVersion{}, errNotAFile
	}
	return fileVersion{dev: uint64(s.Dev), ino: s.Ino, size: s.Size, mtime: s.Mtim}, nil
}

// parseAccounts reads passwd(5) or group(5): the name is the first field of a line, the id its third; the
// first name of an id counts.
func parseAccounts(b []byte) map[uint32]string {
	names := map[uint32]string{}
	for line := range bytes.Lines(b) {
		fields := bytes.SplitN(bytes.TrimRight(line, "\r\n"), []byte{':'}, 4)
		if len(fields) < 3 || len(fields[0]) == 0 || fields[0][0] == '#' {
			continue
		}
		id, err := strconv.ParseUint(string(fields[2]), 10, 32)
		if err != nil {
			continue // NIS's "+" lines, comments
		}
		if _, taken := names[uint32(id)]; !taken {
			names[uint32(id)] = strings.ToValidUTF8(string(fields[0]), "\uFFFD") // as messages and captures have it
		}
	}
	return names
}

// parseLogins reads the home directories and shells in passwd(5), its sixth and seventh fields. Group files
// have no such lines.
func parseLogins(b []byte) map[uint32]login {
	logins := map[uint32]login{}
	for line := range bytes.Lines(b) {
		fields := bytes.Split(bytes.TrimRight(line, "\r\n"), []byte{':'})
		if len(fields) != 7 || len(fields[0]) == 0 || fields[0][0] == '#' {
			continue
		}
		id, err := strconv.ParseUint(string(fields[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, taken := logins[uint32(id)]; !taken {
			logins[uint32(id)] = login{home: string(fields[5]), shell: string(fields[6])}
		}
	}
	return logins
}
