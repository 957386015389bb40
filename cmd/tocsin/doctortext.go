package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/tocsin-security/tocsin/sensor"
)

// text is the diagnosis for people, to read or to paste into a ticket.
func (d *diagnosis) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(columns ...any) {
		line := make([]string, len(columns))
		for i, c := range columns {
			line[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(line, "\t"), "\t")) // a strings.Builder takes everything
	}
	d.machineText(row)
	d.hooksText(row)
	d.aroundText(row)
	w.Flush() // likewise
	return trimLines(b.String())
}

func (d *diagnosis) machineText(row func(...any)) {
	s := d.Sensor
	row("tocsin " + d.Version + " doctor")
	if d.OK {
		row("verdict", "ok", "the sensor can run here")
	} else {
		row("verdict", "blind", d.Problem)
	}
	row()
	row("MACHINE")
	row("kernel", s.Kernel, s.Arch)
	row("types (BTF)", s.BTF)
	if len(s.Missing) == 0 {
		row("rights", "ok", "all that are asked for")
	} else {
		row("rights", "missing", strings.Join(s.Missing, ", "))
	}
	row("ring buffer", s.Ring.State, fmt.Sprintf("%d bytes%s", s.Ring.Bytes, because(s.Ring.Why)))
	row("other memory", "", fmt.Sprintf("%d bytes for %d CPUs; locked memory limit: %s", s.Scratch, s.CPUs, s.MemLock))
	if s.HostPIDs {
		row("pid namespace", "ok", "the host's")
	} else {
		row("pid namespace", "inner", "tocsin's own system calls are reported too; in a container, share the host's")
	}
	row("32-bit", "", s.Compat)
	row("cgroups", "", d.Host.Cgroups)
	row("/proc", state(d.Host.Proc.OK), d.Host.Proc.What+because(d.Host.Proc.Why))
}

func (d *diagnosis) hooksText(row func(...any)) {
	row()
	row("HOOKS")
	for _, h := range d.Hooks {
		if h.State == sensor.OK {
			row(h.Name, h.State, h.Without)
			continue
		}
		row(h.Name, h.State, "without it: "+h.Without+because(h.Why))
	}
	row()
	row("OPTIONAL")
	for _, o := range d.Sensor.Optional {
		row(o.Name, o.State, o.Note)
	}
	row("kprobes, fentry, LSM", "", "not used, not needed")
}

func (d *diagnosis) aroundText(row func(...any)) {
	row()
	row("CONTAINER RUNTIMES")
	if len(d.Runtimes) == 0 {
		row("none found", "", "containers are told by their ids alone")
	}
	for _, r := range d.Runtimes {
		switch {
		case r.Answers:
			row(r.Path, "ok", r.Kind+" "+r.Version+because(r.Note))
		case r.Found:
			row(r.Path, "blind", "does not answer"+because(r.Why))
		default:
			row(r.Path, "blind", "not found"+because(r.Why))
		}
	}
	c := d.Config
	row()
	row("CONFIGURATION", c.File)
	row("data_dir", state(c.DataDir.OK), c.DataDir.What+because(c.DataDir.Why))
	row("http", state(c.HTTP.OK), c.HTTP.What+because(c.HTTP.Why))
	row("rules", "", fmt.Sprintf("%d run, %d wait for events that are not reported", c.Rules, len(c.Blind)))
	for _, b := range c.Blind {
		row("", "blind", b)
	}
}

func state(ok bool) sensor.State {
	if ok {
		return sensor.OK
	}
	return sensor.Blind
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// trimLines drops the blanks that columns leave at the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
