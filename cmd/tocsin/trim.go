package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// trimDelay is when the start is over: what is touched after that is touched again and again.
const trimDelay = time.Second

// How much garbage there may be beside what is alive before it is collected, in percent. With 100, Go's own choice, the
// durable half takes a quarter more memory in a flood, and 3 % less CPU. A sensor's heap is small, and shares the machine
// with those it watches.
const (
	garbageDurable = 60
	garbageSensor  = 50
)

// trim gives memory back: some time after the start, and in the durable half whenever it is quiet after a burst.
func (a *app) trim(ctx context.Context) error {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(a.garbage())
	}
	select {
	case <-time.After(trimDelay):
		if err := trimMemory(); err != nil {
			a.log.Debug("memory of the start is kept", "err", err)
		}
	case <-ctx.Done():
	}
	if !a.role.durable { // its heap stays small, and an idle machine is not to be woken for it
		<-ctx.Done()
		return nil
	}
	return giveBack(ctx)
}

func (a *app) garbage() (percent int) {
	if a.role.durable {
		return garbageDurable
	}
	return garbageSensor
}

// trimMemory gives back what only the start needed: garbage, and the pages of the program that were read
// once. A page that is needed after all comes back from the page cache within a microsecond.
func trimMemory() error {
	debug.FreeOSMemory()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("find the program's own pages: %w", err)
	}
	defer maps.Close() // only read
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program's own pages: %w", err)
	}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var start, end uintptr
		fields := strings.Fields(lines.Text()) // START-END PERMISSIONS OFFSET DEVICE INODE PATH (proc_pid_maps(5))
		if len(fields) < 6 || fields[5] != exe || strings.Contains(fields[1], "w") {
			continue
		}
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end); err != nil {
			return fmt.Errorf("read the line %q of the program's memory map: %w", lines.Text(), err)
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("give the program's pages back: %w", errno)
		}
	}
	return nil
}
