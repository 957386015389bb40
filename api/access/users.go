package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// User is a line of the users file: NAME:BCRYPT:SCOPES, as htpasswd -B writes it, with scopes.
type User struct {
	Name   string
	Hash   []byte
	Scopes Scopes
}

// dearest is the highest cost of a password's hash: one above takes more than a second to check, which a client
// would wait for and an attacker would use.
const dearest = 14

// ParseUsers reads a users file. The error names the line, never what stands in it.
func ParseUsers(file io.Reader) ([]User, error) {
	var all []User
	seen := map[string]bool{}
	err := eachLine(file, func(_ int, line string) error {
		u, err := parseUser(line)
		if err != nil {
			return err
		}
		if seen[u.Name] {
			return fmt.Errorf("user %q is there twice", u.Name)
		}
		seen[u.Name] = true
		all = append(all, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func parseUser(line string) (u User, err error) {
	parts := strings.Split(line, ":")
	if len(parts) == 2 {
		return u, errors.New("no scopes: write NAME:HASH:SCOPES, as in anna:$2y$10$…:read,write")
	}
	if len(parts) != 3 {
		return u, errors.New("write NAME:HASH:SCOPES; `htpasswd -nB NAME` makes the first two")
	}
	if !isName(parts[0]) {
		return u, fmt.Errorf("the first part is no name: use letters, digits and . _ @ -, at most %d", longestName)
	}
	cost, err := bcrypt.Cost([]byte(parts[1]))
	if err != nil {
		return u, errors.New("the second part is no bcrypt hash: `htpasswd -nB NAME` makes one; other kinds are not taken")
	}
	if cost > dearest {
		return u, fmt.Errorf("the hash has a cost of %d: at most %d is taken, or each check takes seconds", cost, dearest)
	}
	u.Name, u.Hash = parts[0], []byte(parts[1])
	u.Scopes, err = ParseScopes(parts[2])
	return u, err
}

// How long a password that was right need not be hashed again, and how many are remembered.
const (
	verifiedFor  = time.Minute
	mostVerified = 4096
)

// passwords checks passwords. Those that were right are remembered for a short time, because a hash is meant to
// take long and a client sends its password with each request. It is safe for concurrent use.
type passwords struct {
	byName map[string]*User
	nobody []byte        // hash of a password nobody has: an unknown name takes as long as a known one
	key    []byte        // of what is remembered, so that memory holds nothing that can be tried elsewhere
	slots  chan struct{} // as many hashes at once as there are CPUs: more would only starve the rest

	mu       sync.Mutex // guards verified
	verified map[[sha256.Size]byte]time.Time
}

func newPasswords(users []User) (*passwords, error) {
	p := &passwords{
		byName: make(map[string]*User, len(users)), key: make([]byte, 32), slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
		verified: map[[sha256.Size]byte]time.Time{},
	}
	if _, err := rand.Read(p.key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	cost := bcrypt.MinCost
	for i := range users {
		p.byName[users[i].Name] = &users[i]
		if c, err := bcrypt.Cost(users[i].Hash); err == nil {
			cost = max(cost, c)
		}
	}
	if len(users) == 0 {
		return p, nil
	}
	var err error
	if p.nobody, err = bcrypt.GenerateFromPassword(p.key, cost); err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return p, nil
}

// remembered returns the user when this password was right a short time ago.
func (p *passwords) remembered(name, password string, now time.Time) *User {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.verified[p.digest(name, password)]) {
		return p.byName[name]
	}
	return nil
}

// check hashes the password: nil when name or password is wrong, or when ctx ends before there is room for it.
func (p *passwords) check(ctx context.Context, name, password string, now time.Time) *User {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil
	}
	user, hash := p.byName[name], p.nobody
	if user != nil {
		hash = user.Hash
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || user == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.verified) >= mostVerified {
		clear(p.verified)
	}
	p.verified[p.digest(name, password)] = now.Add(verifiedFor)
	return user
}

func (p *passwords) digest(name, password string) (d [sha256.Size]byte) {
	h := hmac.New(sha256.New, p.key)
	fmt.Fprintf(h, "%d %s%s", len(name), name, password)
	h.Sum(d[:0])
	return d
}
