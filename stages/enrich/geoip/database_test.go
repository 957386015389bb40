package geoip

import (
	"bytes"
	"net"
	"os"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
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
