package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxToken keeps "tocsin-" + token + a file suffix below the 255 bytes of a file name, which is what
// JetStream makes of a stream's name.
const maxToken = 160

// token writes a topic with the characters that NATS subjects, stream names, file names and Redis keys
// all take. Topics hold receiver names, which are anything people like (dots, blanks, Han). It is
// injective: safe bytes stay, others become =XX; what is too long ends in == and a hash, and == occurs
// nowhere else.
func token(topic string) string {
	var b strings.Builder
	for i := range len(topic) {
		c := topic[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	s := b.String()
	if len(s) <= maxToken {
		return s
	}
	sum := sha256.Sum256([]byte(topic))
	return s[:maxToken/2] + "==" + hex.EncodeToString(sum[:16])
}
