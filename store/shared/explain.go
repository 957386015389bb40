package shared

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// unfit is a store that answers and cannot be used, with what to do about it.
type unfit struct{ what, todo string }

func (u *unfit) Error() string { return u.what + ": " + u.todo }

// said are replies that say by themselves what is the matter. Those of a script hold them somewhere inside.
var said = []struct{ reply, sentence string }{
	{"WRONGPASS", "redis refuses the user or the password: correct them in the store's URL or its password_file"},
	{"invalid password", "redis refuses the password: correct it in the store's URL or its password_file"},
	{"NOAUTH", "redis wants a password: put one into the store's URL, redis://user:password@host, or a password_file"},
	{"NOPERM", "the redis user may not do what tocsin does: give it the rules that docs/store.md lists"},
	{"can't run this command", "the redis user may not do what tocsin does: give it the rules that docs/store.md lists"},
	{"can't access at least one of the keys", "the redis user may not use keys that begin with tocsin: give it ~tocsin:*"},
	{"READONLY", "this redis is a replica and takes no writes: point the store's URL at the master, or at the Sentinels or the cluster that know it"},
	{"OOM ", "redis is full (maxmemory): give it more, and leave maxmemory-policy at noeviction"},
	{"MISCONF", "redis refuses writes because it cannot save to its disk: look at its log"},
	{"NOREPLICAS", "redis refuses writes because too few replicas are in step (min-replicas-to-write)"},
	{"LOADING", "redis is starting: it is loading its data"},
	{"MASTERDOWN", "this redis is a replica that has lost its master"},
	{"CLUSTERDOWN", "the cluster is down: a master is gone or slots are not served; look at CLUSTER INFO"},
	{"TRYAGAIN", "the cluster is moving slots, and keys of one alert are in two places"},
	{"max number of clients", "redis has as many clients as it takes (maxclients)"},
	{"BUSY ", "redis is busy with a script of somebody: SCRIPT KILL ends it"},
	{"unknown command", "this redis lacks a command that tocsin needs: Redis 6.2 or newer has all"},
	{"DB index is out of range", "redis has no database of that number: correct it in the store's URL"},
	{"redis: all sentinels specified in configuration are unreachable", "no Sentinel answers or knows the master: check their addresses and the master's name"},
}

// explain says in a sentence why a store is away, and what to do where that is known.
func (s *Store) explain(err error) string {
	secure, budget := s.opts.TLSConfig != nil, s.budget.String()
	var odd *unfit
	if errors.As(err, &odd) {
		return odd.Error()
	}
	for _, reply := range said {
		if strings.Contains(err.Error(), reply.reply) {
			return reply.sentence
		}
	}
	if sentence := explainTLS(err); sentence != "" {
		return sentence
	}
	var dns *net.DNSError
	var op *net.OpError
	var reply redis.Error
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " is not found: check the store's URL and the name server"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "a file of the store's URL cannot be read"
	case isTimeout(err) && secure:
		return "redis does not answer in time: it hangs, is overloaded, is too far away for " + budget + ", or does not speak TLS (redis://)"
	case isTimeout(err):
		return "redis does not answer in time: it hangs, is overloaded, or is too far away for " + budget
	case errors.As(err, &op) && op.Op == "dial":
		return "redis cannot be reached: is it running, and is the address right?"
	case errors.As(err, &reply):
		return "redis refuses what tocsin asks"
	case isClosed(err) && secure:
		return "redis closed the connection: it has stopped, or wants a certificate of ours (cert_file, key_file)"
	case isClosed(err):
		return "redis closed the connection: it has stopped, or wants TLS (rediss://)"
	default:
		return "what answers is no redis, or not one that can be understood"
	}
}

func explainTLS(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var header tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		return "redis shows a certificate of an unknown authority: name its CA with ca_file"
	case errors.As(err, &name):
		return "redis shows a certificate for another name: write the name that it has into the store's URL, or as server_name"
	case errors.As(err, &invalid):
		return "redis shows a certificate that is not valid (expired?): renew it"
	case errors.As(err, &header):
		return "what answers does not speak TLS: use redis://, or the port that has TLS"
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "tls: bad certificate"), strings.Contains(text, "tls: unknown certificate authority"):
		return "redis refuses our certificate or lack of one: name one that it trusts with cert_file and key_file"
	case errors.As(err, &alert), strings.Contains(text, "tls: "):
		return "TLS with redis fails"
	default:
		return ""
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func isClosed(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.As(err, &op)
}
