package access

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Token is a line of the tokens file. The file has a token's SHA-256, not the token: a token is 256 random bits,
// so that nobody finds it by trying, and a slow hash would only slow down every request.
type Token struct {
	Name    string
	Scopes  Scopes
	Digest  [sha256.Size]byte
	Expires time.Time // it is not taken from then on; zero: it is for good
	Plain   string    // of a line that holds the token itself, as before there were names and scopes; else ""
}

// digestPrefix says how the rest was made.
const digestPrefix = "sha256:"

// NewToken makes a token and its line.
func NewToken(name string, scopes Scopes, expires time.Time) (token, line string, err error) {
	if !isName(name) {
		return "", "", fmt.Errorf("%q is no name: use letters, digits and . _ @ -, at most %d", name, longestName)
	}
	if err := scopes.Validate(); err != nil {
		return "", "", err
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", "", fmt.Errorf("make a token: %w", err)
	}
	token = "tocsin_" + base64.RawURLEncoding.EncodeToString(random)
	digest := sha256.Sum256([]byte(token))
	line = name + " " + scopes.String() + " " + digestPrefix + hex.EncodeToString(digest[:])
	if !expires.IsZero() {
		line += " expires=" + expires.UTC().Format(time.RFC3339)
	}
	return token, line, nil
}

// ParseTokens reads a tokens file. The error names the line, never what stands in it.
func ParseTokens(file io.Reader) ([]Token, error) {
	var all []Token
	err := eachLine(file, func(n int, line string) error {
		t, err := parseToken(n, line)
		all = append(all, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// parseToken reads NAME SCOPES HASH [expires=DATE], or a token alone.
func parseToken(n int, line string) (t Token, err error) {
	words := strings.Fields(line)
	if len(words) == 1 {
		if strings.HasPrefix(line, digestPrefix) {
			return t, fmt.Errorf("a hash alone: write NAME SCOPES HASH")
		}
		return Token{Name: fmt.Sprintf("line-%d", n), Scopes: All(), Digest: sha256.Sum256([]byte(line)), Plain: line}, nil
	}
	if len(words) < 3 || len(words) > 4 {
		return t, fmt.Errorf("write NAME SCOPES HASH, and expires=DATE if it ends; `tocsin token new` makes such a line")
	}
	if !isName(words[0]) {
		return t, fmt.Errorf("the first word is no name: use letters, digits and . _ @ -, at most %d", longestName)
	}
	t.Name = words[0]
	if t.Scopes, err = ParseScopes(words[1]); err != nil {
		return t, err
	}
	digest, ok := strings.CutPrefix(words[2], digestPrefix)
	raw, err := hex.DecodeString(digest)
	if !ok || err != nil || len(raw) != sha256.Size {
		return t, fmt.Errorf("the third word is no hash: write sha256: and 64 hex digits, the SHA-256 of the token")
	}
	copy(t.Digest[:], raw)
	if len(words) == 4 {
		t.Expires, err = parseExpiry(words[3])
	}
	return t, err
}

func parseExpiry(word string) (time.Time, error) {
	text, ok := strings.CutPrefix(word, "expires=")
	if !ok {
		return time.Time{}, fmt.Errorf("the fourth word is not expires=DATE")
	}
	at, err := ParseDate(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("expires: %w", err)
	}
	return at, nil
}

// ParseDate reads 2027-01-31, which is that day's beginning in UTC, or 2027-01-31T18:00:00+08:00.
func ParseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date: write 2027-01-31, or 2027-01-31T18:00:00Z", text)
}

// find compares with every token, so that the time says nothing of which it was.
func find(tokens []Token, given string) *Token {
	digest := sha256.Sum256([]byte(given))
	var found *Token
	for i := range tokens {
		if subtle.ConstantTimeCompare(digest[:], tokens[i].Digest[:]) == 1 {
			found = &tokens[i]
		}
	}
	return found
}

const longestName = 128

// isName takes what can stand in a log line and in front of a colon.
func isName(s string) bool {
	return s != "" && len(s) <= longestName && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._@-", r)
	}) < 0
}

// eachLine shows lines that are not blank and no comment, with their numbers from 1.
func eachLine(file io.Reader, take func(n int, line string) error) error {
	const longest = 64 << 10
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longest)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := take(n, string(line)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}
