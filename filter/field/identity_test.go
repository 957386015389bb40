package field

import "testing"

func TestNoIdentity(t *testing.T) {
	for name, want := range map[string]string{
		"proc.pid": "an id of a process or thread", "thread.tid": "an id of a process or thread", "proc.apid": "an id of a process or thread",
		"evt.rawtime": "a time", "evt.time": "a time", "evt.time.s": "a time", "evt.datetime": "a time", "evt.latency": "a time", "proc.pid.ts": "a time",
		"evt.num": "a number that counts events", "fd.cport": "a port that the kernel picks", "fd.lport": "a port that the kernel picks",
		"fd.sport": "", "fd.sip": "", "fd.name": "", "proc.exepath": "", "container.id": "", "user.uid": "", "evt.type": "", "fd.num": "",
	} {
		d := byName()[name]
		if d == nil {
			t.Fatalf("there is no field %s", name)
		}
		if got := d.NoIdentity(); got != want {
			t.Errorf("NoIdentity of %s = %q, want %q", name, got, want)
		}
	}
	for _, group := range passing {
		for _, name := range group.names {
			if byName()[name] == nil {
				t.Errorf("%s is in the list and no field", name)
			}
		}
	}
}
