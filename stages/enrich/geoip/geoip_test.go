package geoip

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/tocsin-security/tocsin/pipeline"
)

// record is what a network has in a database made here.
type record map[string]mmdbtype.Map

func cityOf(country, city string) mmdbtype.Map {
	return mmdbtype.Map{
		"country": mmdbtype.Map{"iso_code": mmdbtype.String(country), "names": mmdbtype.Map{"en": mmdbtype.String("a country")}},
		"city":    mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(city), "de": mmdbtype.String("andere")}},
	}
}

func asOf(number uint32, org string) mmdbtype.Map {
	return mmdbtype.Map{
		"autonomous_system_number": mmdbtype.Uint32(number), "autonomous_system_organization": mmdbtype.String(org),
	}
}

// database makes a file in MaxMind's format.
func database(t testing.TB, ipVersion int, records record) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test-City", IPVersion: ipVersion, RecordSize: 24, BuildEpoch: 1_700_000_000, IncludeReservedNetworks: true,
		DisableIPv4Aliasing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for network, value := range records {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, value); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// rename puts a file in place as geoipupdate does.
func rename(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.Rename(write(t, path+".new", data), path); err != nil {
		t.Fatal(err)
	}
}

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

func TestNewFileIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	var logged bytes.Buffer
	d := New(slog.New(slog.NewTextHandler(&logged, nil)))
	step := func(what, want string) {
		t.Helper()
		d.look(false)
		if got := place(d, "203.0.113.9"); got != want {
			t.Errorf("%s: place = %s, want %s", what, got, want)
		}
	}
	d.Use(Config{Database: Files{path}})
	step("a file that is missing", "unknown")
	whole := database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})
	rename(t, path, whole)
	step("a file that came", "CN/Shanghai/0/")
	rename(t, path, whole[:len(whole)/2])
	step("half a file renamed over it", "CN/Shanghai/0/")
	step("half a file, a second time", "CN/Shanghai/0/")
	if got := d.Stats()[0].LoadErrors; got != 2 {
		t.Errorf("load errors = %d, want 2: missing, half", got)
	}
	rename(t, path, database(t, 6, record{"203.0.113.0/24": cityOf("SG", "Singapore")}))
	step("a new file renamed over it", "SG/Singapore/0/")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("the file removed", "SG/Singapore/0/")
	d.Use(Config{})
	step("no file configured", "unknown")
	for _, want := range []string{"level=ERROR", "no such file: fetch it", "the one of before stays in use", "address database in use"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, logged.String())
		}
	}
	if n := strings.Count(logged.String(), "stays in use"); n != 2 {
		t.Errorf("%d warnings, want one for each change:\n%s", n, logged.String())
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

// A file cut while it is mapped loses its pages: an answer is missing, and nothing else.
func TestCutInPlaceIsNoCrash(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "city.mmdb"), database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")}))
	d := use(path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := place(d, "203.0.113.9"); got != "unknown" {
		t.Errorf("place = %s, want unknown", got)
	}
	if got := d.Stats()[0].LookupErrors; got != 1 {
		t.Errorf("lookup errors = %d, want 1", got)
	}
	write(t, path, database(t, 6, record{"203.0.113.0/24": cityOf("SG", "Singapore")}))
	d.look(false)
	if got := place(d, "203.0.113.9"); got != "SG/Singapore/0/" {
		t.Errorf("after the file was written in place: %s, want Singapore", got)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	whole := database(t, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai")})
	damaged := bytes.Clone(whole)
	for i := range 600 {
		damaged[i] = 0xEE
	}
	for name, c := range map[string]struct{ path, want string }{
		"a good file":       {write(t, dir+"/good", whole), ""},
		"a missing file":    {dir + "/missing", "no such file"},
		"an empty file":     {write(t, dir+"/empty", nil), "no usable database"},
		"a folder":          {dir, "is a directory"},
		"text":              {write(t, dir+"/text", []byte("not a database")), "no usable database"},
		"a damaged tree":    {write(t, dir+"/damaged", damaged), "no usable database"},
		"the second half":   {write(t, dir+"/half", whole[len(whole)/2:]), "no usable database"},
		"cut at the length": {write(t, dir+"/cut", whole[:len(whole)-100]), "no usable database"},
	} {
		err := Check(Config{Database: Files{c.path}})
		if got := fmt.Sprint(err); (c.want == "") != (err == nil) || !strings.Contains(got, c.want) {
			t.Errorf("%s: check = %v, want %q", name, err, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	whole := database(f, 6, record{"203.0.113.0/24": cityOf("CN", "Shanghai"), "192.0.2.0/24": asOf(1, "x")})
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	for i := 0; i < len(whole); i += 97 {
		broken := bytes.Clone(whole)
		broken[i] ^= 0xFF
		f.Add(broken)
	}
	path := filepath.Join(f.TempDir(), "fuzzed.mmdb")
	f.Fuzz(func(t *testing.T, data []byte) {
		d := use(write(t, path, data))
		for _, addr := range []string{"203.0.113.9", "192.0.2.1", "8.8.8.8", "2001:db8::1"} {
			d.Place(netip.MustParseAddr(addr)) // does not panic
		}
		_ = Check(Config{Database: Files{path}}) // whatever it says
	})
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

func TestLocate(t *testing.T) {
	d := use(write(t, t.TempDir()+"/city.mmdb", database(t, 6, record{"203.0.113.0/24": func() mmdbtype.Map {
		m := cityOf("CN", "Shanghai")
		for k, v := range asOf(4134, "CHINANET") {
			m[k] = v
		}
		return m
	}()})))
	full := pipeline.Place{Country: "CN", City: "Shanghai", ASN: 4134, ASOrg: "CHINANET", Address: "203.0.113.9"}
	for name, c := range map[string]struct {
		fields pipeline.Fields
		want   *pipeline.Place
	}{
		"the remote end":                         {pipeline.Fields{"fd.rip": "203.0.113.9"}, &full},
		"the server of Falco's":                  {pipeline.Fields{"fd.sip": "203.0.113.9", "fd.cip": "10.0.0.5"}, &full},
		"the client of Falco's":                  {pipeline.Fields{"fd.sip": "10.0.0.5", "fd.cip": "203.0.113.9"}, &full},
		"the client, for the server is this one": {pipeline.Fields{"fd.sip": "203.0.113.7", "fd.lip": "203.0.113.7", "fd.cip": "203.0.113.9"}, &full},
		"a posted event's":                       {pipeline.Fields{"event.ip": "203.0.113.9"}, &full},
		"a posted event's with a port":           {pipeline.Fields{"event.remote_addr": "203.0.113.9:4711"}, &full},
		"a private one":                          {pipeline.Fields{"fd.rip": "10.0.0.1"}, nil},
		"no text":                                {pipeline.Fields{"fd.rip": 7}, nil},
		"no address":                             {pipeline.Fields{"fd.rip": "<NA>"}, nil},
		"nothing":                                {nil, nil},
	} {
		a := pipeline.Alert{OutputFields: c.fields}
		d.Locate(&a)
		if diff := cmp.Diff(c.want, a.Place); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	shared := map[string]string{"rule": "r"}
	a := pipeline.Alert{OutputFields: pipeline.Fields{"fd.rip": "203.0.113.9", "geo.city": nil}, Labels: shared, Annotations: map[string]string{"geo_asn": "mine"}}
	a.SetIdentity(map[string]string{"object": "x"})
	before := a.Fingerprint
	shared = a.Labels
	for range 2 {
		d.Locate(&a)
	}
	want := pipeline.Fields{"fd.rip": "203.0.113.9", "geo.country": "CN", "geo.city": "Shanghai", "geo.asn": int64(4134), "geo.as_org": "CHINANET"}
	if diff := cmp.Diff(want, a.OutputFields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	wantTexts := map[string]string{"geo_country": "CN", "geo_city": "Shanghai", "geo_asn": "mine", "geo_as_org": "CHINANET"}
	if diff := cmp.Diff(wantTexts, a.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if a.Labels["geo_country"] != "CN" || shared["geo_country"] != "" || a.Fingerprint != before {
		t.Errorf("labels %v, of before %v, fingerprint %v of %v: want the country in labels of its own, and the same fingerprint",
			a.Labels, shared, a.Fingerprint, before)
	}
}
