package geoip

import (
	"fmt"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/tocsin-security/tocsin/pipeline"
)

// nested is a record as MaxMind and DB-IP write it.
type nested struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	City struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	ASN   uint32 `maxminddb:"autonomous_system_number"`
	ASOrg string `maxminddb:"autonomous_system_organization"`
}

// flat is a record as IPinfo writes it: text beside text.
type flat struct {
	CountryCode string `maxminddb:"country_code"`
	Country     string `maxminddb:"country"` // in older files the code
	City        string `maxminddb:"city"`
	ASN         string `maxminddb:"asn"` // "AS4134"
	ASName      string `maxminddb:"as_name"`
}

// read adds what a database knows of an address to a place: what is empty there.
func read(reader *maxminddb.Reader, addr netip.Addr, place *pipeline.Place) error {
	if reader.Metadata.IPVersion == 4 && !addr.Is4() {
		return nil
	}
	return guarded(func() error {
		result := reader.Lookup(addr)
		if !result.Found() {
			return result.Err()
		}
		var n nested
		err := result.Decode(&n)
		found := pipeline.Place{Country: n.Country.ISOCode, City: n.City.Names.English, ASN: n.ASN, ASOrg: n.ASOrg}
		if err != nil || found == (pipeline.Place{}) {
			var f flat
			if result.Decode(&f) != nil {
				return err // of the format that most files have
			}
			found = f.place()
		}
		merge(place, found)
		return nil
	})
}

// guarded turns a fault into an error: the pages of a file that somebody cuts while it is mapped are gone (a
// SIGBUS), and what a broken file makes of a reader must not end the watch.
func guarded(look func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read the database: %v", r)
		}
	}()
	return look()
}

func (f flat) place() pipeline.Place {
	p := pipeline.Place{Country: f.CountryCode, City: f.City, ASOrg: f.ASName}
	if p.Country == "" && len(f.Country) == 2 {
		p.Country = f.Country
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(f.ASN, "AS"), 10, 32); err == nil {
		p.ASN = uint32(n)
	}
	return p
}

func merge(into *pipeline.Place, found pipeline.Place) {
	if into.Country == "" && into.City == "" { // a city belongs to its country
		into.Country, into.City = clean(found.Country), clean(found.City)
	}
	if into.ASN == 0 && into.ASOrg == "" {
		into.ASN, into.ASOrg = found.ASN, clean(found.ASOrg)
	}
}

func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// carrier is the range that providers share among their customers (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// Public reports whether an address is one of the internet: only those are looked up.
func Public(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !carrier.Contains(addr)
}
