package notifiers

import (
	"net/http"
	"net/url"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Address is where the messages of one entry go, and how to get there.
type Address struct {
	URL    *url.URL
	Header http.Header // of each request
	Config ClientConfig
}

// Address reads an address, or the file that holds it, and how to connect to it. name is the configuration key of the
// address, for errors.
func (c HTTPConfig) Address(name string, address pipeline.Secret, file string) (a Address, err error) {
	if address, err = ReadSecret(name, address, file); err != nil {
		return a, err
	}
	if a.URL, err = ParseURL(address); err != nil {
		return a, err
	}
	a.Config, a.Header, err = c.Client()
	return a, err
}
