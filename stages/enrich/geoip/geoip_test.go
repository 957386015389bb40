package geoip

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func use(files ...string) *Databases {
	d := New(discard())
	d.Use(Config{Database: files})
	return d
}

func place(d *Databases, addr string) string {
	p := d.Place(netip.MustParseAddr(addr))
	if p == nil {
		return "unknown"
	}
	return fmt.Sprintf("%s/%s/%d/%s", p.Country, p.City, p.ASN, p.ASOrg)
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	city := write(t, dir+"/city.mmdb", database(t, 6, record{
		"203.0.113.0/24": cityOf("CN", "Shanghai"), "2001:db8::/32": cityOf("DE", ""), "198.51.100.0/24": cityOf("US", "Boston"),
		"10.0.0.0/8": cityOf("XX", "nowhere"), "127.0.0.0/8": cityOf("XX", "nowhere"), "100.64.0.0/10": cityOf("XX", "nowhere"),
	}))
	asn := write(t, dir+"/asn.mmdb", database(t, 6, record{"203.0.113.0/24": asOf(4134, "CHINANET"), "192.0.2.0/24": asOf(64500, "a \xff b")}))
	info := write(t, dir+"/info.mmdb", database(t, 4, record{
		"198.51.100.0/24": {"country": mmdbtype.String("Canada"), "country_code": mmdbtype.String("CA"), "city": mmdbtype.String("Halifax"),
			"asn": mmdbtype.String("AS64501"), "as_name": mmdbtype.String("Example")},
		"192.0.2.0/24": {"country": mmdbtype.String("JP"), "city": mmdbtype.String("Osaka")},
	}))
	d := use(city, asn, info, city)
	for name, c := range map[string]struct{ addr, want string }{
		"city and network from two files":        {"203.0.113.9", "CN/Shanghai/4134/CHINANET"},
		"an IPv4 address in IPv6":                {"::ffff:203.0.113.9", "CN/Shanghai/4134/CHINANET"},
		"IPv6, no city":                          {"2001:db8::1", "DE//0/"},
		"the first file wins, others complete":   {"198.51.100.1", "US/Boston/64501/Example"},
		"records of text beside text":            {"192.0.2.7", "JP/Osaka/64500/a \uFFFD b"},
		"in no file":                             {"8.8.8.8", "unknown"},
		"private, whatever the file says":        {"10.1.2.3", "unknown"},
		"loopback, whatever the file says":       {"127.0.0.1", "unknown"},
		"shared by a provider":                   {"100.64.1.1", "unknown"},
		"link-local":                             {"fe80::1", "unknown"},
		"IPv6, which one of the files cannot be": {"2001:db9::1", "unknown"},
	} {
		for range 2 { // the second answer is the one that was remembered
			if got := place(d, c.addr); got != c.want {
				t.Errorf("%s: place of %s = %s, want %s", name, c.addr, got, c.want)
			}
		}
	}
	if d.Place(netip.Addr{}) != nil {
		t.Error("no address has a place")
	}
	for _, s := range d.Stats() {
		if s.LookupErrors+s.LoadErrors > 0 || s.Built.Unix() != 1_700_000_000 {
			t.Errorf("stats = %+v, want no errors and the time of the build", s)
		}
	}
	if got := len(d.Stats()); got != 3 {
		t.Errorf("%d files in use, want 3: one is named twice", got)
	}
}

func TestAFileThatStaysIsNotOpenedAgain(t *testing.T) {
	d := use(write(t, t.TempDir()+"/city.mmdb", database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})))
	before := d.current.Load()
	d.look(false)
	d.Use(Config{Database: Files{d.files[0].path}})
	if d.current.Load() != before {
		t.Error("what was remembered of places is gone, though the file is the same")
	}
}

func TestAddressesThatShareASlot(t *testing.T) {
	d := use(write(t, t.TempDir()+"/city.mmdb", database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})))
	known := netip.MustParseAddr("203.0.113.9")
	other := netip.MustParseAddr("8.0.0.0")
	for slotOf(other) != slotOf(known) {
		other = other.Next()
	}
	for range 2 {
		if got := place(d, known.String()); got != "CN/Shanghai/0/" {
			t.Errorf("place of %s = %s", known, got)
		}
		if got := place(d, other.String()); got != "unknown" {
			t.Errorf("place of %s, which shares its slot = %s", other, got)
		}
	}
}

// Neighbours, and networks that differ in one byte, do not push each other out.
func TestSlotsAreSpread(t *testing.T) {
	for _, first := range []string{"8.0.0.0", "203.0.113.0", "2001:db8::", "2001:db8:0:1::"} {
		taken := map[uint64]bool{}
		addr := netip.MustParseAddr(first)
		for range 1024 {
			taken[slotOf(addr)] = true
			addr = addr.Next()
		}
		if len(taken) < 900 { // 1024 at random are in 905 slots
			t.Errorf("1024 addresses from %s on are in %d slots", first, len(taken))
		}
	}
	taken := map[uint64]bool{}
	for i := range 65536 {
		taken[slotOf(netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 1, 1}))] = true
	}
	if len(taken) < slots*9/10 {
		t.Errorf("65536 networks are in %d of %d slots", len(taken), slots)
	}
}

func TestConfig(t *testing.T) {
	c := Config{Database: Files{"a.mmdb", "/b.mmdb"}, ASNDatabase: Files{"c.mmdb"}}
	if diff := cmp.Diff([]string{"/etc/t/a.mmdb", "/b.mmdb", "/etc/t/c.mmdb"}, c.From("/etc/t").Files()); diff != "" {
		t.Errorf("files from a folder (-want +got):\n%s", diff)
	}
	if err := (Config{Database: Files{""}}).Validate(); err == nil {
		t.Error("an empty path is taken")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	d := use(write(t, t.TempDir()+"/city.mmdb", database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})))
	for _, addr := range []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.0.0.1")} {
		d.Place(addr)
		if n := testing.AllocsPerRun(100, func() { d.Place(addr) }); n > 0 {
			t.Errorf("a repeated lookup of %s allocates %v times", addr, n)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	d := use(write(b, b.TempDir()+"/city.mmdb", database(b, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai"), "0.0.0.0/1": cityOf("US", "Boston")})))
	b.Run("remembered", func(b *testing.B) {
		addr := netip.MustParseAddr("203.0.113.9")
		b.ReportAllocs()
		for b.Loop() {
			d.Place(addr)
		}
	})
	b.Run("new", func(b *testing.B) {
		addr := netip.MustParseAddr("11.0.0.0")
		b.ReportAllocs()
		for b.Loop() {
			addr = addr.Next()
			d.Place(addr)
		}
	})
	b.Run("private", func(b *testing.B) {
		addr := netip.MustParseAddr("10.0.0.1")
		b.ReportAllocs()
		for b.Loop() {
			d.Place(addr)
		}
	})
}
