package decode

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// As much of the command line and the environment as the kernel side sends.
	maxArgs = 4096
	// No file of /proc/PID that is read here is larger: cgroup has a line per hierarchy.
	maxProcFile = 64 << 10
)

// Seed enters every process found in procfs (normally /proc), kernel threads included: they are the
// parents of what the kernel starts (usermode helpers). From then on, a process that no event announced
// is looked up there. Processes that vanish meanwhile are no error, and of those that may not be read
// there is what may be.
func (d *Decoder) Seed(procfs string) error {
	pids, err := listPIDs(procfs)
	if err != nil {
		return fmt.Errorf("scan the processes in %s: %w", procfs, err)
	}
	d.table.machine.procfs = procfs
	d.ports.seed(procfs)
	d.mounts.seed(procfs, d.table.machine.tell)
	for pid := range pids {
		if d.table.byPID[pid] == nil {
			d.loadKnown(pid, 0, 0)
		}
	}
	return nil
}

// listPIDs returns the ids of the processes in procfs.
func listPIDs(procfs string) (map[int32]bool, error) {
	dir, err := os.Open(procfs)
	if err != nil {
		return nil, err
	}
	defer dir.Close() // read only: nothing to lose
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	pids := make(map[int32]bool, len(names))
	for _, name := range names {
		if pid, err := strconv.ParseInt(name, 10, 32); err == nil {
			pids[int32(pid)] = true
		}
	}
	return pids, nil
}

// readProcess reads one process; paths are its cgroups. offset turns CLOCK_BOOTTIME into epoch time.
func readProcess(procfs string, pid int32, offset int64) (p pipeline.Process, paths []string, err error) {
	dir := filepath.Join(procfs, strconv.Itoa(int(pid)))
	p = pipeline.Process{PID: pid, Known: true, LoginUID: pipeline.UnsetUID}
	stat, err := readSome(filepath.Join(dir, "stat"), maxProcFile)
	if err != nil {
		return p, nil, err
	}
	if err := parseStat(stat, &p); err != nil {
		return p, nil, err
	}
	p.StartTime = int64(p.Start) + offset
	status, err := readSome(filepath.Join(dir, "status"), maxProcFile)
	if err != nil {
		return p, nil, err
	}
	parseStatus(status, &p)

	// The files from here on may be unreadable without root, or not there without an option of the
	// kernel: then the process is known without them.
	argv, _ := readSome(filepath.Join(dir, "cmdline"), maxArgs)
	p.Exe, p.Args = splitArgs(argv)
	p.Cmdline = cmdline(p.Comm, p.Args)
	env, _ := readSome(filepath.Join(dir, "environ"), maxArgs)
	p.Env = splitNUL(string(env))
	if login, err := readSome(filepath.Join(dir, "loginuid"), maxProcFile); err == nil {
		p.LoginUID = parseID(string(login))
	}
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil {
		p.CWD = strings.TrimSuffix(cwd, "/") + "/"
	}
	p.MntNS, p.PidNS = readNamespace(dir, "mnt"), readNamespace(dir, "pid")
	p.ExecNS = p.MntNS // not known; true of all but a container that is being set up right now
	readExe(filepath.Join(dir, "exe"), &p)
	cgroups, _ := readSome(filepath.Join(dir, "cgroup"), maxProcFile)
	return p, parseCgroups(string(cgroups)), nil
}

// readSome reads at most limit bytes of a file.
func readSome(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing to lose
	return io.ReadAll(io.LimitReader(f, limit))
}

// readNamespace returns the inode number in a link like "mnt:[4026531841]", or 0.
func readNamespace(dir, kind string) uint32 {
	link, err := os.Readlink(filepath.Join(dir, "ns", kind))
	if err != nil {
		return 0
	}
	number := strings.TrimSuffix(strings.TrimPrefix(link, kind+":["), "]")
	ino, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(ino)
}

// readExe fills in what /proc/PID/exe tells: path and inode. Overlay layers cannot be told from here.
func readExe(link string, p *pipeline.Process) {
	path, err := os.Readlink(link)
	if err != nil {
		return // a kernel thread
	}
	path, p.ExeDeleted = strings.CutSuffix(path, " (deleted)")
	if name, ok := strings.CutPrefix(path, "/"+memfdPrefix); ok && p.ExeDeleted {
		path, p.ExeMemfd = memfdPrefix+name, true
	}
	p.ExePath = path
	info, err := os.Stat(link)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		p.ExeIno, p.ExeCtime, p.ExeMtime = s.Ino, s.Ctim.Nano(), s.Mtim.Nano()
	}
}

// parseStat reads /proc/PID/stat: "PID (COMM) STATE PPID PGRP SESSION TTY …", start time in field 22
// (proc(5)). COMM is the process's own choice and may hold blanks, brackets and newlines.
func parseStat(stat []byte, p *pipeline.Process) error {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return fmt.Errorf("read the stat file of process %d: no name in brackets", p.PID)
	}
	p.Comm = string(stat[open+1 : end])
	fields := strings.Fields(string(stat[end+1:]))
	const startTime = 22 - 3 // fields start at number 3
	if len(fields) <= startTime {
		return fmt.Errorf("read the stat file of process %d: %d fields after the name", p.PID, len(fields))
	}
	var numbers [5]int64
	for i, field := range []string{fields[1], fields[2], fields[3], fields[4], fields[startTime]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return fmt.Errorf("read the stat file of process %d: %w", p.PID, err)
		}
		numbers[i] = n
	}
	p.PPID, p.PGID, p.SID = int32(numbers[0]), int32(numbers[1]), int32(numbers[2])
	p.TTY = uint32(numbers[3])
	p.Start = uint64(numbers[4]) * tick
	return nil
}

// parseStatus reads ids, capabilities and innermost pids from /proc/PID/status; lines that are not there
// leave zeroes.
func parseStatus(status []byte, p *pipeline.Process) {
	p.VPID, p.VTID, p.VPGID = p.PID, p.PID, p.PGID // without pid namespaces
	for line := range strings.Lines(string(status)) {
		key, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		last := fields[len(fields)-1]
		switch {
		case key == "Uid" && len(fields) > 1: // real, effective, saved, file system
			p.UID, p.EUID = parseID(fields[0]), parseID(fields[1])
		case key == "Gid" && len(fields) > 1:
			p.GID = parseID(fields[1])
		case key == "NSpid":
			p.VPID = int32(parseID(last))
			p.VTID = p.VPID
		case key == "NSpgid":
			p.VPGID = int32(parseID(last))
		case key == "CapInh":
			p.CapInheritable = parseHex(last)
		case key == "CapPrm":
			p.CapPermitted = parseHex(last)
		case key == "CapEff":
			p.CapEffective = parseHex(last)
		}
	}
}

// parseCgroups returns the paths in /proc/PID/cgroup, roots left out, in the order in which the kernel
// side sends them: the default hierarchy, memory, pids, cpuset; then all others.
func parseCgroups(file string) []string {
	var ranked [5][]string
	for line := range strings.Lines(file) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || path == "/" {
			continue
		}
		rank := 4
		for i, name := range []string{"", "memory", "pids", "cpuset"} {
			if controllers == name {
				rank = i
			}
		}
		ranked[rank] = append(ranked[rank], path)
	}
	var paths []string
	for _, some := range ranked {
		paths = append(paths, some...)
	}
	return paths
}

// parseID reads a decimal id; what is none is unset.
func parseID(s string) uint32 {
	id, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return pipeline.UnsetUID
	}
	return uint32(id)
}

// parseHex reads a capability set; what is none is empty.
func parseHex(s string) uint64 {
	set, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return set
}
